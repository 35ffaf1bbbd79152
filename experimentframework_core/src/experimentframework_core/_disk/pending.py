"""What waits for its commit: in the order of numbers, bounded by events and bytes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from experimentframework_core._disk.entry import Entry
    from experimentframework_core.envelope import Record


class Pending:
    """Records that the journal does not hold yet, oldest first. Its bounds are looked at by others.

    Attributes:
        bytes: How long the bodies are together.
    """

    __slots__ = ("_entries", "_most_bytes", "_most_events", "bytes")

    def __init__(self, most_events: int, most_bytes: int) -> None:
        """Begin empty; with so many events or bytes of bodies it is full."""
        self.bytes = 0
        self._entries: deque[Entry] = deque()
        self._most_events = most_events
        self._most_bytes = most_bytes

    def __len__(self) -> int:
        """Return how many records wait."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """Yield what waits, the lowest number first."""
        return iter(self._entries)

    @property
    def full(self) -> bool:
        """Whether as much waits as may."""
        return len(self._entries) >= self._most_events or self.bytes >= self._most_bytes

    @property
    def overfull(self) -> bool:
        """Whether twice as much waits as may."""
        return len(self._entries) >= self._most_events * 2 or self.bytes >= self._most_bytes * 2

    @property
    def half_full(self) -> bool:
        """Whether more than half of what may waits."""
        return len(self._entries) * 2 > self._most_events or self.bytes * 2 > self._most_bytes

    def none_through(self, sequence: int) -> bool:
        """Return whether nothing up to that number waits."""
        return not self._entries or self._entries[0].sequence > sequence

    def add(self, entry: Entry) -> None:
        """Have the newest record wait."""
        self._entries.append(entry)
        self.bytes += len(entry.record.body)

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Have these wait, too, each in its place and once."""
        waiting = {each.sequence: each for each in (*entries, *self._entries)}
        self._entries = deque(waiting[number] for number in sorted(waiting))
        self.bytes = sum(len(each.record.body) for each in self._entries)

    def take_through(self, sequence: int) -> list[Record]:
        """Take out and return the records up to that number."""
        records = []
        while self._entries and self._entries[0].sequence <= sequence:
            record = self._entries.popleft().record
            self.bytes -= len(record.body)
            records.append(record)
        return records
