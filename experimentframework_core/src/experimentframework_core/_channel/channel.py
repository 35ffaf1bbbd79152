"""One backplane's bounded buffer, its lanes, and everything that can be asked of them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._channel.assembly import assemble, reassemble
from experimentframework_core._channel.condition import Condition
from experimentframework_core._channel.lane import Lane, OnDelivery, Opener
from experimentframework_core._channel.room import Room
from experimentframework_core._disk.keeper import UNKNOWN_TYPE
from experimentframework_core._log import logger
from experimentframework_core._rules.breaker import BreakerState
from experimentframework_core._tasks import spawn
from experimentframework_core.status import (
    Ack,
    ChannelStatistics,
    FlushResult,
    Health,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experimentframework_core._disk.buffer import DiskBuffer
    from experimentframework_core._rules.batch import Item
    from experimentframework_core.config import ChannelConfig
    from experimentframework_core.deadletter import DeadLetterStore
    from experimentframework_core.envelope import Record

SHUTDOWN = "shutdown"

KEEP_GRACE = 2.0
"""Seconds that the disk has at least, at the closing, to take what is not written yet."""

PROBE_PATIENCE = 0.5
"""Seconds that the closing waits for a destination that is down, where events are kept."""

STOP_GRACE = 0.15
"""Seconds that lanes have to end after the closing's deadline cancelled them."""


class Channel:
    """Takes records without blocking and has them delivered, batch by batch.

    Attributes:
        name: The backplane's name.
        buffer: What waits; ``offer`` is its fast way in, and ``offer_awaited`` that of records
            whose publishers wait for an acknowledgement.
        room: The way in of records that found none.
        max_event_bytes: Most bytes of one event that it takes.
        publishers: How many have a record for which there was no room, and may still come with it.
        closing: What the closing achieved; None before.
    """

    def __init__(
        self,
        config: ChannelConfig,
        *,
        opener: Opener,
        key: Callable[[Record], str],
        dead_letters: DeadLetterStore | None = None,
        draw: Callable[[], float] = random.random,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Hold the parts, on the running loop; `start` opens.

        Args:
            config: The settings.
            opener: Opens one instance of the backplane.
            key: What must stay in order.
            dead_letters: Where refused events go; None drops them.
            draw: Gives the random numbers, 0 to 1, for jitter.
            on_delivery: Called after each delivery, on the loop; it must not raise.
        """
        self.name = config.name
        self.max_event_bytes = config.max_event_bytes
        self.publishers = 0
        self.closing: FlushResult | None = None
        self._config = config
        self._clock = asyncio.get_running_loop().time
        self._draw = draw
        parts = assemble(
            config,
            opener=opener,
            key=key,
            dead_letters=dead_letters,
            draw=draw,
            clock=self._clock,
        )
        self._parts = parts
        self.buffer = parts.buffer
        self.offer = parts.buffer.offer
        self.offer_awaited = parts.buffer.offer_awaited
        self.room = Room(config, parts)
        self._disk = parts.disk
        self._keeper = parts.keeper
        self._ledger = parts.ledger
        self._warnings = parts.warnings
        self._lanes = parts.lanes
        for lane in self._lanes:
            lane.on_delivery = on_delivery
        self._condition = Condition(parts, self._clock)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_durable(self) -> bool:
        """Whether what is taken can be on disk before it is delivered."""
        return self._keeper is not None

    async def open(self) -> None:
        """Open the journal, if there is one, and take over what it holds.

        Raises:
            JournalError: It cannot be used.
        """
        if self._keeper is not None:
            await self._keeper.open()

    def keep(self) -> None:
        """Start to write what is taken to the journal, if there is one; deliver nothing yet."""
        if self._keeper is not None:
            self._keeper.start()

    def start(self) -> None:
        """Start the lanes; they open their backplanes in the background."""
        self.keep()
        self._tasks = [spawn(lane.run(), name=lane.name) for lane in self._lanes]
        self._condition.started = True

    @property
    def spent(self) -> bool:
        """Whether nothing is left in it, and nobody is about to bring something."""
        waited_for = self.publishers or (self._keeper is not None and self._keeper.adopting)
        return not (self.buffer.events or self.buffer.reserved_events or waited_for)

    @property
    def is_started(self) -> bool:
        """Whether it delivers."""
        return self._condition.started

    def reroute(self, config: ChannelConfig) -> None:
        """Take other event types; nothing else may differ in ``config``."""
        self._config = config

    async def renew(
        self,
        config: ChannelConfig,
        *,
        opener: Opener,
        key: Callable[[Record], str],
        dead_letters: DeadLetterStore | None,
        patience: float,
    ) -> None:
        """Deliver what is left by the settings of another channel, which will come after it.

        What is in flight has a moment to end. The buffer, its bounds and its lanes stay.

        Args:
            config: The other channel's settings.
            opener: Opens one instance of its backplane.
            key: What must stay in order.
            dead_letters: Where refused events go; None drops them.
            patience: Seconds of that moment.
        """
        for lane in self._lanes:
            lane.leave_off(self._clock() + patience)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
            await self._cancel()
        self._parts = reassemble(
            self._parts,
            msgspec.structs.replace(config, name=self.name),
            opener=opener,
            key=key,
            dead_letters=dead_letters,
            draw=self._draw,
        )
        self._condition.look_at(self._parts)
        self.start()

    def takes(self, event_type: str) -> bool:
        """Return whether events of that type go here."""
        return self._config.events is None or event_type in self._config.events

    def ack(self, event_id: str) -> asyncio.Future[None]:
        """Return a future that ends when that event is delivered, or with its DeliveryError."""
        return self._ledger.ack(event_id)

    def promise(self, ack: Ack, record: Record, event_id: str) -> asyncio.Future[None]:
        """Return a future that ends when the record is on disk, or its event delivered."""
        if ack == "durable":
            return self._ledger.write_of(record)
        return self._ledger.ack(event_id)

    def forget(self, record: Record, future: asyncio.Future[None]) -> None:
        """Nobody waits for what `ack` or `promise` returned any longer."""
        self._ledger.forget(record, future)

    def want(self, ack: Ack) -> None:
        """Have what was taken so far written to disk soon, where that is what ``ack`` asks for."""
        if ack == "durable" and self._disk is not None:
            self._disk.draft.want_written()

    def given(self) -> tuple[int, ...]:
        """Return how many records each lane was given so far: a mark for `settled`."""
        return tuple(queue.appended for queue in self.buffer.queues)

    def settled(self, given: tuple[int, ...]) -> bool:
        """Return whether all that was given by then has met its fate; only until it closes."""
        lanes = zip(self._lanes, given, strict=True)
        return all(lane.settled_below >= number for lane, number in lanes)

    async def flush(self, timeout: float | None) -> FlushResult:
        """Deliver what was accepted before the call; wait at most ``timeout`` seconds."""
        delivered = self._ledger.delivered.total()
        last = 0 if self._disk is None else self._disk.draft.last
        fences = [lane.fence() for lane in self._lanes]
        try:
            _, late = await asyncio.wait([future for _, future in fences], timeout=timeout)
            remaining = self._unsettled(last, [below for below, _ in fences]) if late else 0
        finally:
            for _, future in fences:
                future.cancel()
        return FlushResult(self._ledger.delivered.total() - delivered, remaining, bool(late))

    def _unsettled(self, last: int, below: Sequence[int]) -> int:
        if self._disk is not None:
            return self._disk.unsettled(last)
        return sum(map(Lane.unsettled, self._lanes, below))

    async def ping(self) -> None:
        """Return if the destination answers on every lane; else raise DeliveryError."""
        for lane in self._lanes:
            await lane.ping()

    async def close(self, timeout: float, *, for_good: bool = False) -> FlushResult:
        """Drain for at most ``timeout`` seconds, end the lanes, and say what became of the rest.

        A buffer in memory loses what is left; one on disk keeps it for the next process, and does
        not wait for a destination that is down. When this is cancelled, the draining ends there;
        `closing` says what was achieved.

        Args:
            timeout: Most seconds.
            for_good: Nobody will come back to its journal: an empty one is removed.
        """
        delivered = self._ledger.delivered.total()
        deadline = self._clock() + timeout
        if for_good and self._keeper is not None:
            # It would bring in what these lanes deliver no more.
            await self._keeper.stop_adopting()
        self.room.close()
        for lane in self._lanes:
            lane.stop(deadline)
        if self._keeper is not None and self._parts.breaker.state is not BreakerState.CLOSED:
            timeout = min(timeout, PROBE_PATIENCE)
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=timeout)
        finally:
            timed_out = not all(task.done() for task in self._tasks)
            await self._cancel()
            left = [item for lane in self._lanes for item in lane.leave()]
            kept = 0
            if self._keeper is not None and self._disk is not None:
                # What is left of the time is the disk's: one large commit may need it.
                grace = max(KEEP_GRACE, deadline - self._clock())
                await self._keeper.close(grace, for_good=for_good)
                left = self._disk.draft.leave_unwritten()
            self._write_off(left)
            remaining = len(left) + self.buffer.events
            if self._keeper is not None and self._disk is not None:
                why = "a reload removed it" if for_good else "the plane closed"
                kept = self._keep(self._disk, why, gone=self._keeper.gone)
            settled = self._ledger.delivered.total() - delivered
            self.closing = FlushResult(settled, remaining, timed_out, kept)
        return self.closing

    def left_behind(self) -> FlushResult:
        """Return what becomes of the rest when its loop never answers again, from any thread."""
        kept = 0 if self._disk is None else self._disk.unsettled(self._disk.draft.committed)
        remaining = self.buffer.events + self.buffer.reserved_events
        return FlushResult(0, remaining, timed_out=True, kept=min(kept, remaining))

    async def _cancel(self) -> None:
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if not running:
            return
        _, stuck = await asyncio.wait(running, timeout=STOP_GRACE)
        for task in stuck:
            logger.error("experimentframework.task_abandoned", task=task.get_name())

    def _write_off(self, left: Sequence[Item]) -> None:
        if left:
            self._ledger.drop(left, SHUTDOWN)
            logger.error("experimentframework.events_lost", backplane=self.name, count=len(left))

    def _keep(self, disk: DiskBuffer, why: str, *, gone: bool) -> int:
        kept = disk.hand_over()
        if gone:
            self._ledger.dropped[SHUTDOWN, UNKNOWN_TYPE] += kept
            logger.error("experimentframework.events_lost", backplane=self.name, count=kept)
            kept = 0
        self._condition.handed_over += kept
        self._ledger.hand_over(f"{why}; what backplane {self.name!r} did not take is kept on disk")
        if kept:
            logger.debug("experimentframework.events_kept", backplane=self.name, count=kept)
        return kept

    def statistics(self) -> ChannelStatistics:
        """Return the fates of this channel's events so far."""
        return self._condition.statistics()

    def health(self) -> Health:
        """Return how the channel fares, from what it has seen; nothing is sent."""
        return self._condition.health()


async def close_all(channels: Iterable[Channel], timeout: float) -> None:
    """Close the channels side by side, all by the same deadline; see `Channel.closing`."""
    await asyncio.gather(*(channel.close(timeout) for channel in channels))


async def flush_all(channels: Iterable[Channel], timeout: float | None) -> list[FlushResult]:
    """Flush the channels side by side, all by the same deadline."""
    return await asyncio.gather(*(channel.flush(timeout) for channel in channels))
