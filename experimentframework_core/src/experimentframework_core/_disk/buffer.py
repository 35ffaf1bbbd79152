"""The buffer on disk: how much it holds in memory and in its journal, and what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.draft import Draft
from experimentframework_core._disk.entry import Clocks, Entry
from experimentframework_core._disk.pending import Pending
from experimentframework_core._disk.window import DiskQueue
from experimentframework_core._disk.windows import Windows
from experimentframework_core._rules.buffer import (
    CROWDED,
    FULL,
    NEVER,
    RECORD_OVERHEAD,
    Buffer,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experimentframework_core._disk.journal_data import Opened, Row
    from experimentframework_core._rules.batch import Item
    from experimentframework_core.envelope import Record


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
    """Bounds what waits in memory and on disk together, and counts it.

    A record is on its way to the journal from the moment it is taken, and at the same time in
    its lane's window if that has room; so it may be delivered before it is written, and is then
    not written any more.

    Attributes:
        draft: What the journal is to be told.
        windows: What of it is in memory, and what is to be read.
        recovered: Records found in a journal, this one's or another's, when it was opened.
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
        self.recovered = 0
        self._enqueued = 0
        self._clocks = clocks = Clocks(clock, epoch)
        self._pending = pending = Pending(bounds.pending_events, bounds.pending_bytes)
        self.draft = Draft(pending, clocks=clocks, size=self._size_of_bodies, lazy=lazy)
        queues = tuple(DiskQueue(bounds.window_events, bounds.window_bytes) for _ in range(lanes))
        self.queues = queues
        self.windows = Windows(queues, key=key, draft=self.draft, pending=pending, clocks=clocks)
        # Every offer is looked at.
        self._calm_events = self._calmest = -1

    @property
    def enqueued(self) -> int:
        """How many records were taken, without those that were recovered."""
        return self._enqueued

    def _size_of_bodies(self) -> int:
        return self.bytes - self.events * RECORD_OVERHEAD

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
    def crowded(self) -> bool:
        """Whether the buffer, or the memory it may take, is more than half full."""
        return super().crowded or (self._pending.half_full and not self.draft.lazy)

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

    def recover(self, opened: Opened) -> None:
        """Begin with what the journal holds."""
        self.events = self.recovered = opened.recovered
        self.bytes = opened.bytes + opened.recovered * RECORD_OVERHEAD
        self.draft.recover(opened)
        self.windows.recover(opened)

    def adopt(self, rows: Iterable[tuple[Row, Record]]) -> None:
        """Take records of another process's journal, which are not bounded again."""
        for row, record in rows:
            self.events += 1
            self.bytes += size_of(record)
            self.recovered += 1
            self._take(record, self._clocks.accepted_at(row))

    def _append(self, record: Record) -> None:
        self._enqueued += 1
        self._take(record, self._clocks.now())

    def _take(self, record: Record, accepted_at: float) -> None:
        draft, windows = self.draft, self.windows
        slot = windows.slot_of(record)
        entry = Entry(draft.next_number(), accepted_at, slot, record)
        # Before a lane is woken: a finaliser that runs then may publish the next one.
        is_news = draft.add(entry)
        windows.accept(entry)
        if is_news:
            draft.on_write()

    def release(self, records: Sequence[Record], numbers: Sequence[int]) -> None:
        """Give the room of settled records back, and take note for the journal."""
        super().release(records, numbers)
        self._even_out()
        self.draft.settle(numbers)

    def lose(self, ranges: Iterable[tuple[int, int]], held: Iterable[Item]) -> int:
        """Give the room back of what the journal can no longer read; return how many that were.

        What memory holds of it is not lost.

        Args:
            ranges: The numbers, first and last, that cannot be read.
            held: What lanes have in work.
        """
        lost = self.draft.lose(ranges, self.windows.in_memory(held))
        bytes_each = self.bytes // self.events if self.events else 0
        self.events -= lost
        self.bytes -= lost * bytes_each
        self._even_out()
        return lost

    def _even_out(self) -> None:
        """Keep the bytes within reason: of lost records only the average is known."""
        least = self.events * RECORD_OVERHEAD
        self.bytes = max(self.bytes, least) if self.events else 0

    def unsettled(self, through: int) -> int:
        """Return how many records up to that number are not settled."""
        return self.draft.settled.unsettled(through)

    def hand_over(self) -> int:
        """Let go of everything: the journal keeps it. Return how many records that is."""
        kept, self.events, self.bytes = self.events, 0, 0
        return kept
