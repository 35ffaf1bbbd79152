"""The windows of all lanes on one journal: what of it is in memory, and what is to be read."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from experimentframework_core._disk.entry import Entry
from experimentframework_core._disk.journal_data import Want

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from experimentframework_core._disk.draft import Draft
    from experimentframework_core._disk.entry import Clocks
    from experimentframework_core._disk.journal_data import Opened, Row
    from experimentframework_core._disk.pending import Pending
    from experimentframework_core._disk.window import DiskQueue
    from experimentframework_core._rules.batch import Item
    from experimentframework_core.envelope import Record

PAGE_EVENTS = 2000
"""How many rows are read at once."""


class Windows:
    """Has each lane's oldest records in memory, in their order, and says what to read for it.

    A new record enters its lane's window at once if it is its turn and there is room. A lane with
    records behind its window's cursor gets those from the journal by `wants`, `enter` and
    `read_through`; and when there are none in it, those that are not written yet.

    Attributes:
        queues: The windows, one a lane.
    """

    def __init__(
        self,
        queues: tuple[DiskQueue, ...],
        *,
        key: Callable[[Record], str],
        draft: Draft,
        pending: Pending,
        clocks: Clocks,
    ) -> None:
        """Begin with an empty journal; `recover` says what is in it.

        Args:
            queues: The windows, one a lane.
            key: Says which records stay in one lane.
            draft: Knows what is settled, and how far the journal goes.
            pending: The records that are not written yet.
            clocks: Give rows their age.
        """
        self.queues = queues
        self._key = key
        self._draft = draft
        self._pending = pending
        self._clocks = clocks

    def recover(self, opened: Opened) -> None:
        """Begin with what the journal holds: every lane reads from the first that is unsettled."""
        for queue in self.queues:
            queue.newest = opened.last
            queue.cursor = self._draft.settled.below - 1 if opened.recovered else opened.last

    def slot_of(self, record: Record) -> int:
        """Return the hash of the record's ordering key, which says its lane."""
        return zlib.crc32(self._key(record).encode("utf-8", "surrogatepass"))

    def accept(self, entry: Entry) -> None:
        """Take note of the newest record, and keep it in memory if it is its turn."""
        queues = self.queues
        queues[entry.slot % len(queues)].accept(entry)

    def in_memory(self, held: Iterable[Item]) -> Iterator[Entry]:
        """Yield what the windows hold, and what lanes have in work: ``held``."""
        for queue in self.queues:
            for number, time, record in queue.window():
                yield Entry(number, time, self.slot_of(record), record)
        for item in held:
            slot = self.slot_of(item.record)
            yield Entry(item.sequence, item.accepted_at, slot, item.record)

    @property
    def starving(self) -> bool:
        """Whether a lane should have records read for it now."""
        return any(queue.starving for queue in self.queues)

    def wants(self) -> list[Want]:
        """Return what is to be read for lanes that are behind and have little left."""
        wants = []
        for lane, queue in enumerate(self.queues):
            if not queue.starving:
                continue
            if queue.cursor >= self._draft.committed:
                self._catch_up(lane, queue)
                continue
            events, free = queue.room
            most = min(events, PAGE_EVENTS)
            wants.append(Want(queue.cursor, lane, len(self.queues), most, max(1, free)))
        return wants

    def enter(self, lane: int, row: Row, record: Record) -> None:
        """Put a record that was read into its lane's window, unless it is settled."""
        queue = self.queues[lane]
        if row.sequence in self._draft.settled or row.sequence <= queue.cursor:
            return
        queue.enter(Entry(row.sequence, self._clocks.accepted_at(row), row.slot, record))

    def read_through(self, lane: int, through: int) -> None:
        """All of the lane's records up to that number are in its window, or were."""
        queue = self.queues[lane]
        queue.cursor = max(queue.cursor, through)
        if queue.behind and queue.cursor >= self._draft.committed:
            self._catch_up(lane, queue)

    def _catch_up(self, lane: int, queue: DiskQueue) -> None:
        """Give the lane what is not written yet, as far as there is room."""
        lanes = len(self.queues)
        for entry in self._pending:
            if entry.sequence <= queue.cursor or entry.slot % lanes != lane:
                continue
            if entry.sequence in self._draft.settled:
                continue
            # An adopted record may be larger than half of the window: it is still its turn.
            if not (queue.has_room(entry.record) or queue.starving):
                return
            queue.enter(entry)
        queue.cursor = max(queue.cursor, queue.newest)
