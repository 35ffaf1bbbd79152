"""Every event's fate: counted by type and reason, its room given back, its waiters told."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from operator import attrgetter
from typing import TYPE_CHECKING

from experimentframework_core.errors import AckTimeoutError, DeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core._rules.batch import Item
    from experimentframework_core._rules.buffer import Buffer
    from experimentframework_core.envelope import Record

_event_type = attrgetter("event_type")


class Ledger:
    """The book of one channel.

    Attributes:
        delivered: Confirmed by the backplane, by event type.
        dead_lettered: Written to the dead-letter store, by event type.
        dropped: Lost by policy, by reason and event type.
        expired: Older than ``maxAgeMs``, by event type.
        refused: Never taken into the buffer; they are in ``dropped`` too.
        retried: Records offered again.
        batches: Deliveries attempted.
    """

    def __init__(self, name: str, buffer: Buffer) -> None:
        """Begin with empty pages for the channel ``name``."""
        self.delivered: Counter[str] = Counter()
        self.dead_lettered: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.expired: Counter[str] = Counter()
        self.refused = 0
        self.retried = 0
        self.batches = 0
        self._name = name
        self._buffer = buffer
        self._acks: dict[str, list[asyncio.Future[None]]] = {}
        self._writes: dict[int, asyncio.Future[None]] = {}
        self._waiting: deque[tuple[asyncio.Future[str | None], Record]] = deque()

    @property
    def settled(self) -> int:
        """How many events that were in the buffer have met their fate."""
        lost = sum(self.dropped.values()) - self.refused
        return sum(map(Counter.total, (self.delivered, self.dead_lettered, self.expired))) + lost

    def dropped_by_reason(self) -> dict[str, int]:
        """Return how many were dropped for each reason."""
        totals: Counter[str] = Counter()
        for (reason, _), count in dict(self.dropped).items():
            totals[reason] += count
        return dict(totals)

    def ack(self, event_id: str) -> asyncio.Future[None]:
        """Return a future that ends when the event is delivered, or with its DeliveryError."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acks.setdefault(event_id, []).append(future)
        return future

    def write_of(self, record: Record) -> asyncio.Future[None]:
        """Return a future that ends when the record is on disk or delivered.

        With a DeliveryError where it met another fate before. Hold on to the record: it is told
        from others of the same id.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writes[id(record)] = future
        return future

    def forget(self, record: Record, future: asyncio.Future[None]) -> None:
        """Nobody waits for what `ack` or `write_of` returned any longer."""
        if future.done() and not future.cancelled():
            if future.exception() is None:
                return  # It was told, and so is in no book.
        else:
            future.cancel()
        if self._writes.get(id(record)) is future:
            del self._writes[id(record)]
        futures = self._acks.get(record.event_id, [])
        if future in futures:
            futures.remove(future)
            if not futures:
                del self._acks[record.event_id]

    def refuse(self, record: Record, reason: str) -> None:
        """Count an event that found no room."""
        self.refused += 1
        self.evicted(record, reason)

    def evicted(self, record: Record, reason: str) -> None:
        """Count an event that left the buffer for a newer one; its room is taken already."""
        self.dropped[reason, record.event_type] += 1
        self._tell((record,), f"was dropped ({reason})")

    def deliver(self, records: Sequence[Record], numbers: Sequence[int]) -> None:
        """The backplane has confirmed these, whose sequence numbers are ``numbers``."""
        self.delivered.update(map(_event_type, records))
        self._settle(records, numbers, None)

    def dead_letter(self, items: Sequence[Item]) -> None:
        """The dead-letter store holds these."""
        self.dead_lettered.update(item.record.event_type for item in items)
        self._settle_items(items, "was dead-lettered")

    def expire(self, items: Sequence[Item]) -> None:
        """These are older than ``maxAgeMs``."""
        self.expired.update(item.record.event_type for item in items)
        self._settle_items(items, "expired")

    def drop(self, items: Sequence[Item], reason: str) -> None:
        """These are lost by policy."""
        self.dropped.update((reason, item.record.event_type) for item in items)
        self._settle_items(items, f"was dropped ({reason})")

    def _settle_items(self, items: Sequence[Item], failure: str) -> None:
        records = [item.record for item in items]
        self._settle(records, sorted(item.sequence for item in items), failure)

    def _settle(
        self, records: Sequence[Record], numbers: Sequence[int], failure: str | None
    ) -> None:
        self._buffer.release(records, numbers)
        self._tell(records, failure)
        self.admit()

    def written(self, records: Sequence[Record]) -> None:
        """The journal holds these."""
        if self._writes:
            self._tell_writes(records, None)

    def hand_over(self, message: str) -> None:
        """Nobody can wait any longer for what the journal keeps for the next process."""
        for event_id, futures in self._acks.items():
            for future in futures:
                if not future.done():
                    future.set_exception(AckTimeoutError(message, event_id=event_id))

    def _tell(self, records: Sequence[Record], failure: str | None) -> None:
        if self._acks:
            for record in records:
                for future in self._acks.pop(record.event_id, ()):
                    self._end(future, record, failure)
        if self._writes:
            self._tell_writes(records, failure)

    def _tell_writes(self, records: Sequence[Record], failure: str | None) -> None:
        for record in records:
            if (future := self._writes.pop(id(record), None)) is not None:
                self._end(future, record, failure)

    def _end(self, future: asyncio.Future[None], record: Record, failure: str | None) -> None:
        if future.done():
            return
        if failure is None:
            future.set_result(None)
        else:
            message = f"event {record.event_id} {failure} at backplane {self._name!r}"
            future.set_exception(DeliveryError(message))

    def room_for(self, record: Record) -> asyncio.Future[str | None]:
        """Return a future that ends when the record is in the buffer; callers keep their order.

        It gives None then, and else the reason for which the record was dropped.
        """
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, record))
        self._buffer.hold_back(newcomers=True)
        return future

    def turn_away(self, error: Exception) -> None:
        """Let nobody wait for room any longer."""
        for future, _ in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()
        self._buffer.hold_back(newcomers=False)

    def send_away(self, reason: str) -> None:
        """Drop the records of those who wait for room."""
        for future, record in self._waiting:
            if not future.done():
                self.refuse(record, reason)
                future.set_result(reason)
        self._waiting.clear()
        self._buffer.hold_back(newcomers=False)

    def admit(self) -> None:
        """Let those in who wait for room, as far as there is some."""
        if not self._waiting:
            return
        self._buffer.hold_back(newcomers=False)
        while self._waiting:
            future, record = self._waiting[0]
            if not future.done():
                if not self._buffer.offer(record):
                    self._buffer.hold_back(newcomers=True)
                    return
                future.set_result(None)
            self._waiting.popleft()
