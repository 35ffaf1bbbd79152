"""One life of a disk buffer: the real books and lanes on a journal in memory, step by step."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.buffer import Bounds, DiskBuffer
from experimentframework_core._disk.entry import record_of
from experimentframework_core._disk.journal import Commit, Lost, Opened, Page, Row, Want
from experimentframework_core._rules.batch import BatchRule, Item
from experimentframework_core._rules.breaker import Breaker
from experimentframework_core._rules.retry import Backoff
from experimentframework_core._rules.schedule import Deliver, Schedule
from tests.core._channels import ids
from tests.core._disks import SimulatedFile, name_of

if TYPE_CHECKING:
    from experimentframework_core._rules.schedule import Settlement
    from experimentframework_core.envelope import Record

BATCH, BATCH_BYTES = 3, 700
WALL = 1.7e9


def key_in(record: Record) -> str:
    """Return the ordering key of an event whose id is key/journal/number."""
    return record.event_id.partition("/")[0]


def slot_of(name: str) -> int:
    return zlib.crc32(name.partition("/")[0].encode())


class MemoryJournal(SimulatedFile):
    """The committed contents of a journal that says of itself what a real one says."""

    def opened(self, lost: Lost | None = None) -> Opened:
        recovered = self.settled.unsettled(self.last)
        return msgspec.structs.replace(super().opened(lost), bytes=self.bytes, recovered=recovered)

    def lose(self, number: int) -> Lost:
        lost = super().lose(number)
        self.bytes = sum(len(row.body) for row in self.unsettled)
        return lost

    def gaps(self) -> Lost | None:
        """Settle the unsettled numbers without a row, as a salvage does, and say which."""
        settled = self.settled
        missing = [n for n in range(1, self.last + 1) if n not in settled and n not in self.rows]
        for number in missing:
            self.lose(number)
        return Lost([(number, number) for number in missing], 0, "") if missing else None


class Plan(msgspec.Struct, frozen=True):
    """What a life is made of.

    Attributes:
        lanes: How many lanes.
        lazy: Whether it writes only what has no room in memory.
        window: Events in a lane's window.
        pending: Events that wait for their commit.
        max_age: Seconds after which events expire; None for never.
        skew: Seconds that the wall clock is wrong by.
    """

    lanes: int
    lazy: bool
    window: int
    pending: int
    max_age: float | None
    skew: float


class Life:
    """A process, from its start to its end, and what it should know.

    Attributes:
        alive: The numbers without a fate, and the event of each.
        settled: How many have met their fate.
        commit: The commit on its way.
        told: The events that the commit on its way calls settled.
        pages: What was read and is not in its window yet.
        in_flight: By lane, what is being delivered.
        letters: By lane, what waits to be dead-lettered.
        arrived: The events that the destination took in this life.
        delivered: Those of them that it confirmed, and whose marks may not be on disk.
        failing: Whether the last commit failed.
        failed_once: Whether any did.
    """

    def __init__(self, journal: MemoryJournal, plan: Plan, opened: Opened) -> None:
        self.journal = journal
        self.plan = plan
        self.now = 100.0
        self.buffer = DiskBuffer(
            max_events=30,
            max_bytes=30_000,
            lanes=plan.lanes,
            key=key_in,
            bounds=Bounds(plan.window, 1500, plan.pending, 12_000),
            clock=lambda: self.now,
            epoch=WALL + plan.skew,
            lazy=plan.lazy,
        )
        self.draft, self.windows = self.buffer.draft, self.buffer.windows
        self.buffer.recover(opened)
        breaker = Breaker(threshold=3, open_for=1, max_open=30, random=lambda: 0.5)
        self.lanes = [self._schedule(queue, breaker) for queue in self.windows.queues]
        names = {number: name_of(row.body) for number, row in journal.rows.items()}
        settled = journal.settled
        self.alive = {
            number: names.get(number, "")
            for number in range(1, opened.last + 1)
            if number not in settled
        }
        self.settled = 0
        self.commit: Commit | None = None
        self.told: set[str] = set()
        self.pages: list[tuple[Want, Page]] = []
        self.in_flight: dict[int, list[Record]] = {}
        self.letters: dict[int, list[Item]] = {lane: [] for lane in range(plan.lanes)}
        self.arrived: set[str] = set()
        self.delivered: set[str] = set()
        self.ended: set[str] = set()
        self.failing = self.failed_once = False

    def _schedule(self, queue: object, breaker: Breaker) -> Schedule:
        return Schedule(
            queue,  # type: ignore[arg-type]  # one of the buffer's own
            rule=BatchRule(BATCH, BATCH_BYTES, 0.1),
            backoff=Backoff(initial=0.1, maximum=30, multiplier=2, random=lambda: 0.5),
            breaker=breaker,
            key=key_in,
            max_attempts=3,
            max_age=self.plan.max_age,
            most_parked=4 * BATCH,
        )

    @property
    def held(self) -> list[Item]:
        """What lanes have in work."""
        held = [item for schedule in self.lanes for item in schedule.held]
        return held + [item for letters in self.letters.values() for item in letters]

    def take(self, record: Record) -> bool:
        """Offer a record; note it if it was taken."""
        if not self.buffer.offer(record):
            return False
        self.alive[self.draft.last] = record.event_id
        return True

    def adopt(self, rows: list[Row]) -> None:
        """Take rows of another journal."""
        before = self.draft.last
        self.buffer.adopt((row, record_of(row.body)) for row in rows)
        self.alive.update((before + place, name_of(row.body)) for place, row in enumerate(rows, 1))

    # The writer.

    def begin(self, *, trim: bool) -> None:
        """Have a commit on its way."""
        self.commit = self.draft.begin(trim=trim and self.draft.trim_due)
        self.told = set(self.ended)

    def finish(self) -> list[str]:
        """The commit on its way succeeds: return the events that are on disk now."""
        assert self.commit is not None
        self.journal.apply(self.commit)
        return self.noted()

    def noted(self) -> list[str]:
        """Note that the commit on its way is in the file."""
        assert self.commit is not None
        written = ids(self.draft.committed_records(self.commit))
        self.commit = None
        self.failing = False
        return written

    def fail(self, *, written: bool) -> None:
        """The commit on its way fails, or only seems to."""
        assert self.commit is not None
        if written:
            self.journal.apply(self.commit)
        self.draft.failed()
        self.commit = None
        self.failing = self.failed_once = True

    def lose(self, lost: Lost) -> None:
        """Hear of damage: what memory does not hold is gone."""
        kept = {number for queue in self.windows.queues for number in queue.numbers}
        kept.update(item.sequence for item in self.held)
        committed = self.draft.committed
        gone = [
            number
            for first, last in lost.ranges
            for number in range(first, last + 1)
            if number in self.alive and number not in kept and number <= committed
        ]

        count = self.buffer.lose(lost.ranges, self.held)

        assert count == len(gone)
        self._end(gone)

    # The reader.

    def read(self, *, works: bool) -> None:
        """Read for lanes that are behind; the pages wait until `refill` takes them."""
        wants = self.windows.wants()
        if wants and (lost := self.journal.gaps()):
            self.lose(lost)
        for want in wants:
            page = self.journal.read(want) if works else Page((), want.after)
            self.pages.append((want, page))

    def refill(self, most: int) -> None:
        """Put some rows of what was read into their window, and the rest later."""
        want, page = self.pages.pop(0)
        for row in page.rows[:most]:
            self.windows.enter(want.lane, row, record_of(row.body))
        if len(page.rows) > most:
            self.pages.insert(0, (want, Page(page.rows[most:], page.through)))
        else:
            self.windows.read_through(want.lane, page.through)

    # The lanes.

    def step(self, lane: int) -> None:
        """The lane looks what to do; its batch is then in flight."""
        schedule = self.lanes[lane]
        self.release([(item.record, item.sequence) for item in schedule.expire(self.now)])
        action = schedule.next(self.now)
        if isinstance(action, Deliver):
            self.in_flight[lane] = list(action.records)

    def settle(self, lane: int, settlement: Settlement) -> None:
        """The batch is answered."""
        del self.in_flight[lane]
        names = ids(settlement.delivered)
        self.delivered.update(names)
        self.release(list(zip(settlement.delivered, settlement.numbers, strict=True)))
        self.letters[lane] += [refusal.item for refusal in settlement.refused]

    def release(self, settled: list[tuple[Record, int]]) -> None:
        """These have met their fate."""
        settled.sort(key=lambda each: each[1])
        self.buffer.release([record for record, _ in settled], [number for _, number in settled])
        self._end([number for _, number in settled])

    def evict(self) -> str | None:
        """The oldest that waits makes room."""
        window = {n: None for queue in self.windows.queues for n in queue.numbers}
        record = self.buffer.evict()
        if record is None:
            return None
        left = {n for queue in self.windows.queues for n in queue.numbers}
        self._end([number for number in window if number not in left])
        return record.event_id

    def _end(self, numbers: list[int]) -> None:
        for number in numbers:
            self.ended.add(self.alive.pop(number))
        self.settled += len(numbers)
