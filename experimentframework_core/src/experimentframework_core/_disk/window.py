"""A lane's window on a journal: its oldest records in memory, the rest on disk only."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING

from experimentframework_core._rules.buffer import Cut, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from experimentframework_core._disk.entry import Entry
    from experimentframework_core.envelope import Record


class DiskQueue(Queue):
    """A lane's oldest records, in memory; what does not fit its window is on disk only.

    Attributes:
        newest: The number of the lane's newest record, in memory or not.
        cursor: Up to here the lane's records have been here; behind it they are on disk only.
        on_starving: Called when records were taken out and others should be read from disk.
    """

    __slots__ = (
        "_max_bytes", "_max_events", "_numbers", "_times", "cursor", "newest", "on_starving",
    )  # fmt: skip

    def __init__(self, max_events: int, max_bytes: int) -> None:
        """Begin empty; hold as much at most, but one record at least."""
        super().__init__()
        self.newest = self.cursor = 0
        self.on_starving: Callable[[], None] = lambda: None
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._numbers: deque[int] = deque()
        self._times: deque[float] = deque()

    @property
    def behind(self) -> bool:
        """Whether records of the lane are on disk only."""
        return self.newest > self.cursor

    @property
    def taken(self) -> int:
        """The number of the oldest record that waits, in memory or on disk, or a later one."""
        return self._numbers[0] if self._numbers else self.cursor + 1

    @property
    def appended(self) -> int:
        """A number above those of all the lane's records."""
        return self.newest + 1

    @property
    def empty(self) -> bool:
        """Whether nothing waits, in memory or on disk."""
        return not self.records and not self.behind

    def waiting(self, below: int) -> int:
        """Return how many records with a lower number wait in memory."""
        return bisect_left(self._numbers, below)

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the records that wait in memory."""
        return self._numbers

    def window(self) -> Iterator[tuple[int, float, Record]]:
        """Yield the number, the time of acceptance and the record of each that is in memory."""
        return zip(self._numbers, self._times, self.records, strict=True)

    @property
    def room(self) -> tuple[int, int]:
        """How many records and bytes of bodies more may be here."""
        return self._max_events - len(self.records), self._max_bytes - self.bytes

    @property
    def starving(self) -> bool:
        """Whether records on disk should be read now."""
        half_empty = len(self.records) * 2 <= self._max_events and self.bytes * 2 <= self._max_bytes
        return half_empty and self.behind

    def accept(self, entry: Entry) -> None:
        """Take note of the lane's newest record, and keep it here if it is its turn."""
        in_turn = self.newest <= self.cursor
        self.newest = entry.sequence
        if in_turn and self.has_room(entry.record):
            self.enter(entry)

    def has_room(self, record: Record) -> bool:
        """Return whether the record may be here too."""
        records = self.records
        return not records or (
            len(records) < self._max_events and self.bytes + len(record.body) <= self._max_bytes
        )

    def enter(self, entry: Entry) -> None:
        """Keep the lane's next record here."""
        record = entry.record
        self.cursor = entry.sequence
        self._numbers.append(entry.sequence)
        self._times.append(entry.accepted_at)
        self.records.append(record)
        self.bytes += len(record.body)
        if len(self.records) >= self.wake_events or self.bytes >= self.wake_bytes:
            self.rest()
            self.on_due()

    def mark(self, now: float) -> None:
        """Do nothing: every record has its own time."""

    def oldest(self, now: float) -> float:
        """Return when the oldest record was accepted."""
        return self._times[0] if self._times else now

    def pop(self) -> tuple[Record, int]:
        """Take the oldest record out, with its number."""
        cut = self.cut(1, 0, 0.0)
        return cut.records[0], cut.numbers[0]

    def cut(self, most: int, most_bytes: int, now: float) -> Cut:  # noqa: ARG002 - as a memory queue's
        """Take the oldest records out, with their numbers and a time by which all were accepted."""
        records = self.take(most, most_bytes)
        numbers = [self._numbers.popleft() for _ in records]
        times = [self._times.popleft() for _ in records]
        if self.starving:
            self.on_starving()
        # An adopted record is older than those before it.
        return Cut(records, numbers, max(times))
