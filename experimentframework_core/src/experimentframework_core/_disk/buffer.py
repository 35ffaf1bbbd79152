"""A disk buffer's books: what is to be written, what waits in memory, what is on disk only."""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.journal import Commit, Row, Want
from experimentframework_core._disk.pending import Pending
from experimentframework_core._disk.ranges import between, gaps, runs
from experimentframework_core._disk.settled import Settled
from experimentframework_core._disk.trimming import Trimming
from experimentframework_core._disk.window import DiskQueue, Entry
from experimentframework_core._rules.batch import Item
from experimentframework_core._rules.buffer import (
    CROWDED,
    FULL,
    NEVER,
    RECORD_OVERHEAD,
    Buffer,
    size_of,
)
from experimentframework_core.codec import decode_record
from experimentframework_core.envelope import Record
from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from experimentframework_core._disk.journal import Opened

PAGE_EVENTS = 2000
"""How many rows are read at once."""

ENOUGH_EVENTS = 64
"""With how many records a commit need not gather more, where publishers wait for it."""


class Bounds(msgspec.Struct, frozen=True):
    """How much of a disk buffer may be in memory.

    Attributes:
        window_events: Records of one lane that wait for delivery in memory.
        window_bytes: The same in bytes of bodies.
        pending_events: Records that wait for their commit.
        pending_bytes: The same in bytes of bodies.
    """

    window_events: int
    window_bytes: int
    pending_events: int = 10_000
    pending_bytes: int = 16 * 1024 * 1024


class DiskBuffer(Buffer):
    """Bounds a journal, and says what is to be written to it and read from it.

    A record is on its way to the journal from the moment it is taken, and at the same time in
    its lane's window if that has room; so it may be delivered before it is written, and is then
    not written any more.

    Attributes:
        lazy: Write only what has no room in memory, and what somebody waits for.
        last: The highest number given to a record.
        committed: The highest number that the journal knows.
        recovered: Records found in a journal, this one's or another's, when it was opened.
        marks_due: Whether rows in the journal are settled that it does not know to be.
        on_write: Called when there may be something to write.
    """

    def __init__(
        self,
        *,
        max_events: int,
        max_bytes: int,
        lanes: int,
        key: Callable[[Record], str],
        bounds: Bounds,
        clock: Callable[[], float],
        epoch: float,
        lazy: bool = False,
    ) -> None:
        """Begin with an empty journal; `recover` says what is in it.

        Args:
            max_events: Most records in memory and on disk together.
            max_bytes: The same in bytes: body + 400 each.
            lanes: How many lanes share it.
            key: Says which records stay in one lane.
            bounds: How much may be in memory.
            clock: The channel's clock, in seconds.
            epoch: Seconds to add to it for the time since 1970.
            lazy: Write only what has no room in memory.
        """
        super().__init__(max_events=max_events, max_bytes=max_bytes, lanes=lanes, key=key)
        self.disk_queues = tuple(
            DiskQueue(bounds.window_events, bounds.window_bytes) for _ in range(lanes)
        )
        self.queues = self.disk_queues
        self.lazy = lazy
        self.last = self.committed = self.recovered = 0
        self.marks_due = False
        self.on_write: Callable[[], None] = lambda: None
        self._clock = clock
        self._epoch = epoch
        self._settled = Settled()
        self._pending = Pending(bounds.pending_events, bounds.pending_bytes)
        self._trimming = Trimming()
        self._again: list[Entry] = []
        self._enqueued = 0
        self._hurried = False
        self._written = 0
        self._writing = 0
        self._wanted_through = 0
        # Every offer is looked at.
        self._calm_events = self._calmest = -1

    @property
    def enqueued(self) -> int:
        """How many records were taken, without those that were recovered."""
        return self._enqueued

    def _has_room(self, events: int, total: int) -> bool:
        return not self._pending.full and super()._has_room(events, total)

    def offer_awaited(self, record: Record) -> int:
        """Append, as `offer` does, a record whose publisher waits until it is kept.

        Held back for others' commits it would only wait twice. But a disk that fails or hangs takes
        none for long, and waiting ends: so there may be twice as many, no more.
        """
        if not self._pending.full or self._pending.overfull:
            return self.offer(record)
        self.events += 1
        self.bytes += size_of(record)
        if not super()._has_room(self.events, self.bytes):
            self.events -= 1
            self.bytes -= size_of(record)
            return FULL
        self._append(record)
        return CROWDED

    @property
    def pressed(self) -> bool:
        """Whether what waits for its commit fills half of the memory that it may take."""
        return self._pending.half_full

    @property
    def crowded(self) -> bool:
        """Whether the buffer, or the memory it may take, is more than half full."""
        return super().crowded or (self.pressed and not self.lazy)

    @property
    def congested(self) -> bool:
        """Whether there is room, but not before some of what was taken is written."""
        return self._pending.full

    def can_make_room(self, record: Record) -> bool:
        """Return whether dropping what waits in memory would make room."""
        return not self.congested and super().can_make_room(record)

    def share(self) -> tuple[int, int]:
        """Return bounds that no queue reaches: a window holds several batches."""
        return NEVER, NEVER

    def unsettled(self, through: int) -> int:
        """Return how many records up to that number are not settled."""
        return self._settled.unsettled(through)

    def hand_over(self) -> int:
        """Let go of everything: the journal keeps it. Return how many records that is."""
        kept, self.events, self.bytes = self.events, 0, 0
        return kept

    # What comes in.

    def recover(self, opened: Opened) -> None:
        """Begin with what the journal holds."""
        self.last = self.committed = self._written = opened.last
        self._settled = Settled(opened.below, opened.blocks)
        self.events = self.recovered = opened.recovered
        self.bytes = opened.bytes + opened.recovered * RECORD_OVERHEAD
        for queue in self.disk_queues:
            queue.newest = opened.last
            queue.cursor = self._settled.below - 1 if opened.recovered else opened.last
        self._trimming.found(between(self._settled.missing(opened.last), opened.last))

    def adopt(self, rows: Iterable[tuple[Row, Record]]) -> None:
        """Take records of another process's journal, which are not bounded again."""
        for row, record in rows:
            self.events += 1
            self.bytes += size_of(record)
            self.recovered += 1
            self._take(record, self._channel_time(row.accepted_at))

    def _append(self, record: Record) -> None:
        self._enqueued += 1
        self._take(record, self._clock())

    def _take(self, record: Record, accepted_at: float) -> None:
        self.last = number = self.last + 1
        slot = self._slot_of(record)
        entry = Entry(number, accepted_at, slot, record)
        idle = not self._pending
        self._pending.add(entry)
        queues = self.disk_queues
        queues[slot % len(queues)].accept(entry)
        # With others pending the writer knows already, unless it puts them off.
        if self.pressed if self.lazy else idle:
            self.on_write()

    def _slot_of(self, record: Record) -> int:
        return zlib.crc32(self._key(record).encode("utf-8", "surrogatepass"))

    # What goes to the journal.

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
        wanted = not self.lazy or self.pressed or self._wanted_through > self.committed
        return bool((self._pending and wanted) or self.marks_due or self._trimming.worthwhile)

    @property
    def trim_due(self) -> bool:
        """Whether settled rows are still in the journal."""
        return self._trimming.events > 0

    @property
    def trim_worthwhile(self) -> bool:
        """Whether there are enough settled rows to be deleted together."""
        return self._trimming.worthwhile

    @property
    def unwritten(self) -> int:
        """How many records that wait for their fate are not in the journal."""
        return sum(entry.sequence not in self._settled for entry in self._pending)

    def leave_unwritten(self) -> list[Item]:
        """Give up what could not be written when the journal was closed, and return it."""
        left = [each for each in self._pending if each.sequence not in self._settled]
        return [Item(each.record, each.sequence, each.accepted_at) for each in left]

    def begin(self, *, trim: bool) -> Commit:
        """Return what the journal is to be told now; then call `committed_records` or `failed`."""
        self.marks_due = False
        self._hurried = False
        self._writing = self.last
        settled, epoch = self._settled, self._epoch
        rows = [
            Row(
                entry.sequence,
                round((entry.accepted_at + epoch) * 1000),
                entry.slot,
                entry.record.body,
            )
            for entry in self._pending
            if entry.sequence not in settled
        ]
        return Commit(
            rows=rows,
            last=self.last,
            bytes=self.bytes - self.events * RECORD_OVERHEAD,
            below=settled.below,
            blocks=settled.changes(),
            trim=self._trimming.begin() if trim else (),
        )

    def committed_records(self, commit: Commit) -> list[Record]:
        """The journal holds what ``commit`` says: return the records that it holds now."""
        records = self._pending.take_through(commit.last)
        self._settled.changes_saved()
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

    def release(self, records: Sequence[Record], numbers: Sequence[int]) -> None:
        """Give the room of settled records back, and take note for the journal."""
        super().release(records, numbers)
        self._even_out()
        for first, last in runs(numbers):
            self._settle(first, last)
        # What was delivered before it was written need not be.
        self._pending.take_through(self._settled.below - 1)

    def _settle(self, first: int, last: int) -> int:
        new = self._settled.add_range(first, last)
        in_file = min(last, max(self._written, self._writing))
        if in_file >= first:
            self.marks_due = True
            self._trimming.add(first, in_file, join=not self._writing)
            self.on_write()
        return new

    def lose(self, ranges: Iterable[tuple[int, int]], held: Iterable[Item]) -> int:
        """Settle what the journal can no longer read; return how many records that were.

        What memory holds of it is not lost: it is written again.

        Args:
            ranges: The numbers, first and last, that cannot be read.
            held: What lanes have in work.
        """
        in_memory = {each.sequence: each for each in self._in_memory(held)}
        numbers = sorted(in_memory)
        lost = 0
        again: list[Entry] = []
        for first, last in ranges:
            end = min(last, self.committed)
            lost += sum(self._settle(*gap) for gap in gaps(first, end, numbers))
            kept = numbers[bisect_left(numbers, first) : bisect_right(numbers, end)]
            again += [in_memory[number] for number in kept]
        self._write_again(again)
        self._settled.rewrite(self.last)
        self.marks_due = True
        bytes_each = self.bytes // self.events if self.events else 0
        self.events -= lost
        self.bytes -= lost * bytes_each
        self._even_out()
        self.on_write()
        return lost

    def _in_memory(self, held: Iterable[Item]) -> Iterator[Entry]:
        for queue in self.disk_queues:
            for number, time, record in queue.window():
                yield Entry(number, time, self._slot_of(record), record)
        for item in held:
            slot = self._slot_of(item.record)
            yield Entry(item.sequence, item.accepted_at, slot, item.record)

    def _write_again(self, entries: Iterable[Entry]) -> None:
        if self._writing:
            # A commit on its way does not have them, and would take them for written.
            self._again += entries
            return
        # Damage may be met again before the last one's rows are written.
        self._pending.put_back(entries)

    def _even_out(self) -> None:
        """Keep the bytes within reason: of lost records only the average is known."""
        least = self.events * RECORD_OVERHEAD
        self.bytes = max(self.bytes, least) if self.events else 0

    # What comes back from disk.

    def wants(self) -> list[Want]:
        """Return what is to be read for lanes that are behind and have little left."""
        wants = []
        for lane, queue in enumerate(self.disk_queues):
            if not queue.starving:
                continue
            if queue.cursor >= self.committed:
                self._catch_up(lane, queue)
                continue
            events, free = queue.room
            most = min(events, PAGE_EVENTS)
            wants.append(Want(queue.cursor, lane, len(self.disk_queues), most, max(1, free)))
        return wants

    @property
    def starving(self) -> bool:
        """Whether a lane should have records read for it now."""
        return any(queue.starving for queue in self.disk_queues)

    def enter(self, lane: int, row: Row, record: Record) -> None:
        """Put a record that was read into its lane's window, unless it is settled."""
        queue = self.disk_queues[lane]
        if row.sequence in self._settled or row.sequence <= queue.cursor:
            return
        queue.enter(Entry(row.sequence, self._channel_time(row.accepted_at), row.slot, record))

    def read_through(self, lane: int, through: int) -> None:
        """All of the lane's records up to that number are in its window, or were."""
        queue = self.disk_queues[lane]
        queue.cursor = max(queue.cursor, through)
        if queue.behind and queue.cursor >= self.committed:
            self._catch_up(lane, queue)

    def _catch_up(self, lane: int, queue: DiskQueue) -> None:
        """Give the lane what is not written yet, as far as there is room."""
        lanes = len(self.disk_queues)
        for entry in self._pending:
            if entry.sequence <= queue.cursor or entry.slot % lanes != lane:
                continue
            if entry.sequence in self._settled:
                continue
            # An adopted record may be larger than half of the window: it is still its turn.
            if not (queue.has_room(entry.record) or queue.starving):
                return
            queue.enter(entry)
        queue.cursor = max(queue.cursor, queue.newest)

    def _channel_time(self, accepted_at: int) -> float:
        """Return the time on the channel's clock; never one that is still to come."""
        return min(accepted_at / 1000 - self._epoch, self._clock())


def record_of(body: bytes) -> Record:
    """Return the record of a body that a journal gave; one that cannot be read is kept as it is."""
    try:
        return decode_record(body)
    except InvalidEventError:
        return Record(body, "(unreadable)", "0.0.0")
