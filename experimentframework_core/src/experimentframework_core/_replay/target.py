"""Where replayed events go: the channels of a configuration, and what has arrived there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._channel.borrowed import borrowing, close_borrowing
from experimentframework_core._channel.channel import Channel, flush_all
from experimentframework_core._plane.setup import dead_letter_stores

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.deadletter import DeadLetterStore
    from experimentframework_core.envelope import Record
    from experimentframework_core.status import ChannelStatistics

Mark = tuple[tuple[int, ...], ...]
"""How far the channels had been given records at some moment."""

_LOOK_EVERY = 0.25
_TO_CLOSE = 5.0


class Target:
    """Delivers records as they are: no toggle, no sampling, no redaction, no new id.

    Attributes:
        patience: Seconds without any event's fate after which it gives up.
    """

    def __init__(self, destinations: Sequence[Destination], *, patience: float) -> None:
        """Deliver to ``destinations``; entering begins."""
        self.patience = patience
        self._destinations = destinations
        self._stores: tuple[DeadLetterStore, ...] = ()
        self._channels: tuple[Channel, ...] = ()
        self._takers: dict[str, tuple[Channel, ...]] = {}

    async def __aenter__(self) -> Self:
        """Begin to open the backplanes."""
        stores = dead_letter_stores(self._destinations)
        self._stores = tuple({id(store): store for store in stores if store}.values())
        wait_ms = round(self.patience * 1000)
        self._channels = tuple(
            Channel(
                borrowing(destination.config, block_timeout_ms=wait_ms),
                opener=destination.opener,
                key=destination.key,
                dead_letters=store,
            )
            for destination, store in zip(self._destinations, stores, strict=True)
        )
        for channel in self._channels:
            channel.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; what is not delivered by now is left out."""
        timeout = _TO_CLOSE if self.settled(self.mark()) else 0
        await close_borrowing(self._channels, timeout)
        for store in self._stores:
            await store.aclose()

    def takes(self, event_type: str) -> bool:
        """Return whether any backplane takes events of that type."""
        wanted = [destination.config.events for destination in self._destinations]
        return any(types is None or event_type in types for types in wanted)

    def take_at_once(self, record: Record) -> bool:
        """Queue a record if one channel takes its type and has room; return whether it did."""
        takers = self._takers.get(record.event_type, ())
        return len(takers) == 1 and bool(takers[0].offer(record))

    async def take(self, record: Record) -> bool:
        """Queue a record, waiting for room; return whether any channel takes its type.

        Raises:
            BufferFullError: No room came for so long that it gives up, or it never would.
        """
        event_type = record.event_type
        takers = self._takers.get(event_type)
        if takers is None:
            takers = tuple(each for each in self._channels if each.takes(event_type))
            self._takers[event_type] = takers
        for channel in takers:
            if not channel.offer(record):
                await channel.room.put(record)
        return bool(takers)

    def fits(self, record: Record) -> bool:
        """Return whether there could be room for a record."""
        return all(channel.buffer.fits(record) for channel in self._channels)

    def mark(self) -> Mark:
        """Return how far the channels have been given records."""
        return tuple(channel.given() for channel in self._channels)

    def settled(self, mark: Mark) -> bool:
        """Return whether all records before the mark have met their fate in every channel."""
        return all(map(Channel.settled, self._channels, mark))

    async def drain(self, timeout: float | None, meanwhile: Callable[[], Awaitable[None]]) -> bool:
        """Deliver what was taken; return whether all of it has met its fate.

        Args:
            timeout: Most seconds; None waits as long as there is a fate within the patience.
            meanwhile: Called now and then.
        """
        waited = patient = 0.0
        fates = self._fates()
        while patient < self.patience and (timeout is None or waited < timeout):
            results = await flush_all(self._channels, _LOOK_EVERY)
            await meanwhile()
            if not any(result.timed_out for result in results):
                return True
            waited += _LOOK_EVERY
            patient += _LOOK_EVERY
            if self._fates() != fates:
                fates, patient = self._fates(), 0.0
        return False

    def _fates(self) -> int:
        return sum(
            each.delivered + each.dead_lettered + sum(each.dropped.values())
            for each in self.statistics().values()
        )

    def statistics(self) -> dict[str, ChannelStatistics]:
        """Return what became of the records, by the backplane's name."""
        return {channel.name: channel.statistics() for channel in self._channels}

    def troubles(self) -> Iterator[str]:
        """Yield what hinders the deliveries now."""
        for channel in self._channels:
            health = channel.health()
            if health.status == "unhealthy" or health.diagnostics["last_error"] is not None:
                yield f"{channel.name}: {health.description}"
