"""The bounded memory buffer: how much may wait, and in which queue. No clock, no task, no I/O."""

from __future__ import annotations

import zlib
from collections import deque
from operator import attrgetter
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from experimentframework_core.envelope import Record

RECORD_OVERHEAD = 400
"""Bytes that a queued record costs beside its body (measured: 240 to 380)."""

NEVER = 1 << 62

FULL, TAKEN, CROWDED = 0, 1, 2
"""What `Buffer.offer` answers."""


_body = attrgetter("body")


def bytes_of(records: Iterable[Record]) -> int:
    """Return how long the records' bodies are together."""
    return sum(map(len, map(_body, records)))


def size_of(record: Record) -> int:
    """Return what a record counts against ``buffer.maxBytes``."""
    return len(record.body) + RECORD_OVERHEAD


class Cut(NamedTuple):
    """Records that left a queue together.

    Attributes:
        records: The records, oldest first.
        numbers: Their sequence numbers, ascending.
        accepted_at: A time by which all of them were accepted.
    """

    records: list[Record]
    numbers: Sequence[int]
    accepted_at: float


class Queue:
    """The records that wait for one lane, oldest first; ``bytes`` counts their bodies.

    A record's sequence number is its place in the order of appending, from 0: the head has
    ``taken``, the next one appended gets ``appended``.

    Attributes:
        records: What waits.
        bytes: How long the bodies of it are together.
        wake_events: From so many records on ``on_due`` is called.
        wake_bytes: The same in bytes.
        on_due: Wakes the lane.
        confirm: Returns once what is settled is known on disk; None where nothing is kept there.
    """

    __slots__ = (
        "_marks", "_taken", "bytes", "confirm", "on_due", "records", "wake_bytes", "wake_events",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin empty, waking nobody."""
        self.records: deque[Record] = deque()
        self.bytes = 0
        self._taken = 0
        self.wake_events = NEVER
        self.wake_bytes = NEVER
        self.on_due: Callable[[], None] = lambda: None
        self.confirm: Callable[[], Awaitable[None]] | None = None
        self._marks: deque[tuple[int, float]] = deque()

    @property
    def taken(self) -> int:
        """The sequence number of the oldest record that waits, or of the next one."""
        return self._taken

    @property
    def appended(self) -> int:
        """How many records were ever appended."""
        return self._taken + len(self.records)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self.records

    def waiting(self, below: int) -> int:
        """Return how many records with a lower sequence number wait here."""
        return max(0, below - self._taken)

    def mark(self, now: float) -> None:
        """Note that every record appended so far was accepted by ``now``."""
        appended = self.appended
        if appended > (self._marks[-1][0] if self._marks else self._taken):
            self._marks.append((appended, now))

    def accepted_by(self, sequence: int, now: float) -> float:
        """Return a time by which the record was accepted: the first mark after it, else ``now``."""
        for appended, time in tuple(self._marks):
            if appended > sequence:
                return time
        return now

    def rest(self) -> None:
        """Wake nobody until somebody watches again."""
        self.wake_events = self.wake_bytes = NEVER

    def oldest(self, now: float) -> float:
        """Return by when the oldest record was accepted."""
        return self.accepted_by(self._taken, now)

    def pop(self) -> tuple[Record, int]:
        """Take the oldest record out, with its number; it still counts in the buffer."""
        sequence = self._taken
        return self.take(1, 0)[0], sequence

    def cut(self, most: int, most_bytes: int, now: float) -> Cut:
        """Take the oldest records out as `take` does, with their numbers and their age."""
        sequence = self._taken
        last = sequence + min(most, len(self.records)) - 1
        accepted_at = self.accepted_by(last, now)
        records = self.take(most, most_bytes)
        return Cut(records, range(sequence, sequence + len(records)), accepted_at)

    def take(self, most: int, most_bytes: int) -> list[Record]:
        """Take the oldest records out of the queue, at least one; they still count in the buffer.

        Args:
            most: How many at most.
            most_bytes: How long their bodies are at most together, if there is more than one.
        """
        taken = self._take_some(min(most, len(self.records)), most_bytes)
        self._taken += len(taken)
        while self._marks and self._marks[0][0] <= self._taken:
            self._marks.popleft()
        return taken

    def _take_some(self, most: int, most_bytes: int) -> list[Record]:
        # Counted, not cleared: a finaliser that publishes may append one in between.
        waiting = self.records
        popleft = waiting.popleft
        if self.bytes <= most_bytes:
            taken = [popleft() for _ in range(most)]
            filled = bytes_of(taken)
            self.bytes -= filled
            return taken
        taken = [popleft()]
        filled = len(taken[0].body)
        for _ in range(min(most - 1, len(waiting))):
            if filled + len(waiting[0].body) > most_bytes:
                break
            taken.append(popleft())
            filled += len(taken[-1].body)
        self.bytes -= filled
        return taken


class Buffer:
    """Bounds, by events and by bytes, around the queues of a channel's lanes.

    What is in flight still counts, so the bounds hold for everything that is held in memory.
    Other threads reserve room under a lock of their own; the loop's thread appends without it.
    Both count first and look second, so the two together never pass a bound.

    A signal handler may interrupt the thread that has the lock, and wait for the loop, which needs
    it. So nothing is called while a thread reserves: CPython runs handlers between calls only.
    """

    __slots__ = (
        "_calm_bytes", "_calm_events", "_calmest", "_key", "_lock", "_newcomers", "_only", "bytes",
        "events", "half_bytes", "half_events", "max_bytes", "max_events", "queues",
        "reserved_bytes", "reserved_events", "retired",
    )  # fmt: skip

    def __init__(
        self,
        *,
        max_events: int,
        max_bytes: int,
        lanes: int = 1,
        key: Callable[[Record], str] = lambda record: record.event_id,
    ) -> None:
        """Bound the buffer; with more than one lane, ``key`` says which records stay together."""
        self.max_events = max_events
        self.max_bytes = max_bytes
        self.half_events = max_events // 2
        self.half_bytes = max_bytes // 2
        self.queues = tuple(Queue() for _ in range(lanes))
        self.events = self.bytes = self.reserved_events = self.reserved_bytes = 0
        self._newcomers = max_events
        self.retired = False
        # Up to here nothing but appending is to be done; below zero while room is reserved.
        self._calm_events, self._calm_bytes = self.half_events, self.half_bytes
        self._calmest = self.half_events
        self._key = key
        self._only = self.queues[0] if lanes == 1 else None
        self._lock = RLock()

    @property
    def enqueued(self) -> int:
        """How many records were ever taken."""
        return sum(queue.appended for queue in self.queues)

    @property
    def crowded(self) -> bool:
        """Whether the buffer is more than half full."""
        return self.events > self.half_events or self.bytes > self.half_bytes

    @property
    def congested(self) -> bool:
        """Whether there is room, but not at once: here never."""
        return False

    def offer(self, record: Record) -> int:
        """Append the record if there is room.

        Returns:
            `FULL` (which is false) when there is none, else `TAKEN`, or `CROWDED` when the buffer
            is more than half full now.
        """
        size = len(record.body)
        self.events = events = self.events + 1
        self.bytes = total = self.bytes + size + RECORD_OVERHEAD
        if events > self._calm_events or total > self._calm_bytes:
            return self._offer_carefully(record, events, total)
        queue = self._only or self._queue_of(record)
        records = queue.records
        records.append(record)
        queue.bytes = waiting = queue.bytes + size
        if len(records) >= queue.wake_events or waiting >= queue.wake_bytes:
            queue.rest()
            queue.on_due()
        return TAKEN

    def offer_awaited(self, record: Record) -> int:
        """Append, as `offer` does, a record whose publisher waits until it is kept."""
        return self.offer(record)

    def _offer_carefully(self, record: Record, events: int, total: int) -> int:
        if not self._has_room(events, total):
            size = size_of(record)
            self.events -= 1
            self.bytes -= size
            return FULL
        self._append(record)
        return CROWDED if self.crowded else TAKEN

    def _has_room(self, events: int, total: int) -> bool:
        return (
            events + self.reserved_events <= self._newcomers
            and total + self.reserved_bytes <= self.max_bytes
        )

    def _append(self, record: Record) -> None:
        queue = self._only or self._queue_of(record)
        size = len(record.body)
        records = queue.records
        records.append(record)
        queue.bytes = waiting = queue.bytes + size
        if len(records) >= queue.wake_events or waiting >= queue.wake_bytes:
            queue.rest()
            queue.on_due()

    def _queue_of(self, record: Record) -> Queue:
        key = self._key(record).encode("utf-8", "surrogatepass")
        return self.queues[zlib.crc32(key) % len(self.queues)]

    def reserve(self, record: Record) -> bool:
        """From any thread: set room aside for the record and return True, or return False."""
        size = size_of(record)
        with self._lock:
            self._calm_events = -1
            self.reserved_events += 1
            self.reserved_bytes += size
        if self._has_room(self.events, self.bytes):
            return True
        self._unreserve(size)
        return False

    def _unreserve(self, size: int) -> None:
        with self._lock:
            self.reserved_events -= 1
            self.reserved_bytes -= size
            if not self.reserved_events and self._newcomers > 0:
                self._calm_events = self._calmest

    def cancel_reservation(self, record: Record) -> None:
        """From any thread: give back what `reserve` set aside."""
        self._unreserve(size_of(record))

    def append_reserved(self, record: Record) -> None:
        """On the loop's thread: append a record for which room was reserved."""
        size = size_of(record)
        self.events += 1
        self.bytes += size
        self.cancel_reservation(record)
        self._append(record)

    def fits(self, record: Record) -> bool:
        """Return whether the record could ever fit, were the buffer empty."""
        return size_of(record) <= self.max_bytes and self.max_events > 0

    def hold_back(self, *, newcomers: bool) -> None:
        """Refuse every newcomer while others wait for room: who came first gets in first."""
        with self._lock:
            self._newcomers = 0 if newcomers or self.retired else self.max_events
            self._calm_down()

    def _calm_down(self) -> None:
        calm = not self.reserved_events and self._newcomers > 0
        self._calm_events = self._calmest if calm else -1

    def retire(self) -> bool:
        """Take nothing more, from any thread, unless room is reserved; return whether that is so.

        What waits in it, if anything, stays.
        """
        with self._lock:
            if self.reserved_events:
                return False
            self.retired = True
            self._newcomers = 0
            self._calm_down()
            return True

    def share(self) -> tuple[int, int]:
        """Return at how many records, or bytes of bodies, a queue holds its part of half the room.

        While every queue is below both, the buffer is not crowded.
        """
        most_bytes = self.half_bytes // len(self.queues) // 2
        most_events = min(self.half_events // len(self.queues), most_bytes // RECORD_OVERHEAD)
        return max(1, most_events), max(1, most_bytes)

    def can_make_room(self, record: Record) -> bool:
        """Return whether the record would fit if all that waits and is not in flight were gone."""
        waiting = sum(len(queue.records) for queue in self.queues)
        waiting_bytes = sum(queue.bytes for queue in self.queues) + waiting * RECORD_OVERHEAD
        return (
            self.events - waiting + self.reserved_events < self.max_events
            and self.bytes - waiting_bytes + self.reserved_bytes + size_of(record) <= self.max_bytes
        )

    def evict(self) -> Record | None:
        """Drop and return the oldest record that is not in flight; None when there is none."""
        waiting = [queue for queue in self.queues if queue.records]
        if not waiting:
            return None
        oldest = min(waiting, key=lambda queue: queue.oldest(float("inf")))
        record, sequence = oldest.pop()
        self.release((record,), (sequence,))
        return record

    def release(self, records: Sequence[Record], numbers: Sequence[int]) -> None:  # noqa: ARG002
        """Give the room of settled records back; ``numbers`` are those they have in their queue."""
        events = len(records)
        size = bytes_of(records) + events * RECORD_OVERHEAD
        self.events -= events
        self.bytes -= size
