"""What a journal is to be told by its next commit: new rows, marks, and rows that may go."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from experimentframework_core._disk.journal_data import Commit
from experimentframework_core._disk.ranges import between, gaps, runs
from experimentframework_core._disk.settled import Settled
from experimentframework_core._disk.trimming import Trimming
from experimentframework_core._rules.batch import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experimentframework_core._disk.entry import Clocks, Entry
    from experimentframework_core._disk.journal_data import Opened
    from experimentframework_core._disk.pending import Pending
    from experimentframework_core.envelope import Record

ENOUGH_EVENTS = 64
"""With how many records a commit need not gather more, where publishers wait for it."""


class Draft:
    """Drafts one commit after the other: each says all that the journal does not know yet.

    A record is in it from `add` until a commit with it has succeeded; one that is settled before
    is not written at all. `begin` starts a commit, and `committed_records` or `failed` ends it
    before the next. One that failed may be in the file nevertheless: what it says is told again,
    and its rows count as written, so that they are deleted once they are settled.

    Attributes:
        lazy: Write only what has no room in memory, and what somebody waits for.
        last: The highest number given to a record.
        committed: The highest number that the journal knows.
        settled: Which numbers have met their fate.
        marks_due: Whether rows in the journal are settled that it does not know to be.
        on_write: Called when there may be something to write.
    """

    def __init__(
        self, pending: Pending, *, clocks: Clocks, size: Callable[[], int], lazy: bool
    ) -> None:
        """Begin with an empty journal; `recover` says what is in it.

        Args:
            pending: The records that wait for their commit.
            clocks: Date the rows.
            size: Says how long all unsettled bodies are together.
            lazy: Write only what has no room in memory.
        """
        self.lazy = lazy
        self.last = self.committed = 0
        self.settled = Settled()
        self.marks_due = False
        self.on_write: Callable[[], None] = lambda: None
        self._pending = pending
        self._clocks = clocks
        self._size = size
        self._trimming = Trimming()
        self._again: list[Entry] = []
        self._hurried = False
        self._wanted_through = 0
        # Up to the first, rows may be in the file; up to the second, they are on their way to it.
        self._written = self._writing = 0

    def recover(self, opened: Opened) -> None:
        """Begin with what the journal holds."""
        self.last = self.committed = self._written = opened.last
        self.settled = Settled(opened.below, opened.blocks)
        self._trimming.found(between(self.settled.missing(opened.last), opened.last))

    # When a commit is due.

    def next_number(self) -> int:
        """Return the number of the next record, which is to be added at once."""
        self.last = number = self.last + 1
        return number

    def add(self, entry: Entry) -> bool:
        """Have the newest record written; return whether to call `on_write` for it."""
        idle = not self._pending
        self._pending.add(entry)
        # With others pending the writer knows already, unless it puts them off.
        return self._pending.half_full if self.lazy else idle

    def is_written(self, through: int) -> bool:
        """Return whether no record up to that number waits for its commit."""
        return self._pending.none_through(through)

    def want_written(self) -> None:
        """Have everything taken so far written, also where that is put off."""
        self._wanted_through = self.last
        if self.lazy or (not self._hurried and self.commit_is_worthwhile):
            self._hurried = True
            self.on_write()

    @property
    def commit_is_worthwhile(self) -> bool:
        """Whether somebody waits, and enough is gathered to be written at once."""
        return len(self._pending) >= ENOUGH_EVENTS and self._wanted_through > self.committed

    @property
    def commit_due(self) -> bool:
        """Whether there is something to write."""
        pending = self._pending
        wanted = not self.lazy or pending.half_full or self._wanted_through > self.committed
        return bool((pending and wanted) or self.marks_due or self._trimming.worthwhile)

    @property
    def trim_due(self) -> bool:
        """Whether settled rows are still in the journal."""
        return self._trimming.events > 0

    @property
    def trim_worthwhile(self) -> bool:
        """Whether there are enough settled rows to be deleted together."""
        return self._trimming.worthwhile

    # What it says, and what became of it.

    @property
    def unwritten(self) -> int:
        """How many records that wait for their fate are not in the journal."""
        return len(self._unwritten())

    def leave_unwritten(self) -> list[Item]:
        """Give up what could not be written when the journal was closed, and return it."""
        return [Item(each.record, each.sequence, each.accepted_at) for each in self._unwritten()]

    def _unwritten(self) -> list[Entry]:
        settled = self.settled
        return [each for each in self._pending if each.sequence not in settled]

    def begin(self, *, trim: bool) -> Commit:
        """Return what the journal is to be told now; then call `committed_records` or `failed`."""
        self.marks_due = False
        self._hurried = False
        self._writing = self.last
        return Commit(
            rows=self._clocks.rows_of(self._unwritten()),
            last=self.last,
            bytes=self._size(),
            below=self.settled.below,
            blocks=self.settled.changes(),
            trim=self._trimming.begin() if trim else (),
        )

    def committed_records(self, commit: Commit) -> list[Record]:
        """The journal holds what ``commit`` says: return the records that it holds now."""
        records = self._pending.take_through(commit.last)
        self.settled.changes_saved()
        self.committed = commit.last
        if commit.rows:
            self._written = max(self._written, commit.rows[-1].sequence)
        self._answered()
        self._trimming.done(len(commit.trim))
        return records

    def failed(self) -> None:
        """The journal could not be written, or does not say: all of it is still to be done."""
        self.marks_due = True
        self._written = max(self._written, self._writing)
        self._answered()

    def _answered(self) -> None:
        self._writing = 0
        if self._again:
            again, self._again = self._again, []
            self._write_again(again)

    # What meets its fate.

    def settle(self, numbers: Sequence[int]) -> None:
        """Take note of records that have met their fate; ``numbers`` ascend."""
        for first, last in runs(numbers):
            self._settle(first, last)
        # What was delivered before it was written need not be.
        self._pending.take_through(self.settled.below - 1)

    def _settle(self, first: int, last: int) -> int:
        new = self.settled.add_range(first, last)
        in_file = min(last, max(self._written, self._writing))
        if in_file >= first:
            self.marks_due = True
            self._trimming.add(first, in_file, join=not self._writing)
            self.on_write()
        return new

    def lose(self, ranges: Iterable[tuple[int, int]], held: Iterable[Entry]) -> int:
        """Settle what the journal can no longer read; return how many records that were.

        What memory holds of it is not lost: it is written again, as are all marks.

        Args:
            ranges: The numbers, first and last, that cannot be read.
            held: What is in memory.
        """
        in_memory = {each.sequence: each for each in held}
        numbers = sorted(in_memory)
        lost = 0
        again: list[Entry] = []
        for first, last in ranges:
            end = min(last, self.committed)
            lost += sum(self._settle(*gap) for gap in gaps(first, end, numbers))
            kept = numbers[bisect_left(numbers, first) : bisect_right(numbers, end)]
            again += [in_memory[number] for number in kept]
        self._write_again(again)
        self.settled.rewrite(self.last)
        self.marks_due = True
        self.on_write()
        return lost

    def _write_again(self, entries: Iterable[Entry]) -> None:
        if self._writing:
            # A commit on its way does not have them, and would take them for written.
            self._again += entries
            return
        # Damage may be met again before the last one's rows are written.
        self._pending.put_back(entries)
