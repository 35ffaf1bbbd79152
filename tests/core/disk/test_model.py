"""The disk buffer's books, lanes and journal against a model, through crashes and bad disks."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from experimentframework_core._disk import settled as disk_settled
from experimentframework_core._disk import trimming as disk_trimming
from experimentframework_core._disk import windows as disk_windows
from experimentframework_core._disk.journal import Commit, Row, Want
from experimentframework_core._rules.buffer import RECORD_OVERHEAD
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
)
from tests.core._channels import ids, make
from tests.core.disk._lives import (
    BATCH,
    BATCH_BYTES,
    WALL,
    Life,
    MemoryJournal,
    Plan,
    key_in,
    slot_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core._rules.schedule import Schedule
    from experimentframework_core.envelope import Record

SMALL: list[tuple[Any, str, int]] = [
    (disk_windows, "PAGE_EVENTS", 4),
    (disk_trimming, "ENOUGH", 8),
    (disk_settled, "block_size", 16),
    (disk_settled, "_block_bytes", 2),
    (disk_settled, "_full", 0xFFFF),
]
"""Bounds that are large in earnest."""

LEAST_STEPS = 8
"""How long a process lives at least."""

KEYS = st.sampled_from("abcd")
LANES = st.integers(0, 2)
SIZES = st.sampled_from([60, 60, 60, 200, 500])
PLANS = st.builds(
    Plan,
    lanes=st.integers(1, 3),
    lazy=st.booleans(),
    window=st.integers(2, 8),
    pending=st.sampled_from([4, 12, 40]),
    max_age=st.sampled_from([None, None, 20.0]),
    skew=st.sampled_from([0.0, 0.0, 1000.0, -1000.0]),
)


class DiskBufferMachine(RuleBasedStateMachine):
    """The model: what was accepted, what is known to be on disk, and what each life did."""

    life: Life

    @initialize(plan=PLANS)
    def build(self, plan: Plan) -> None:
        """Begin with an empty journal."""
        self.small = ExitStack()
        for module, name, value in SMALL:
            self.small.enter_context(patch.object(module, name, value))
        self.homes: dict[str, tuple[int, ...]] = {}
        self.journal = MemoryJournal(self.homes, 0)
        self.sizes: dict[str, int] = {}
        self.durable: set[str] = set()
        self.marked: set[str] = set()
        self.ended: set[str] = set()
        self.twice: set[str] = set()
        self.damaged = False
        self.journals = 0
        self.other: MemoryJournal | None = None
        self.chunk: tuple[list[str], int, int] | None = None
        self._live(plan)

    def _live(self, plan: Plan) -> None:
        self.life = Life(self.journal, plan, self.journal.opened())
        self.newest: dict[str, int] = {}
        self.steps = 0

    # Those who publish.

    def _new(self, key: str, origin: int, size: int) -> Record:
        record = make(f"{key}/{origin}/{len(self.sizes)}", key, size=size)
        self.sizes[record.event_id] = size
        return record

    @rule(key=KEYS, size=SIZES)
    def publish(self, key: str, size: int) -> None:
        """Accept an event if there is room, and only then."""
        buffer, plan = self.life.buffer, self.life.plan
        record = self._new(key, 0, size)
        waiting = [entry.record.body for entry in buffer._pending]
        room = (
            buffer.events < 30
            and buffer.bytes + size + RECORD_OVERHEAD <= 30_000
            and len(waiting) < plan.pending
            and sum(map(len, waiting)) < 12_000
        )

        assert self.life.take(record) is room

    @rule(keys=st.text("abcd", min_size=2, max_size=12))
    def publish_burst(self, keys: str) -> None:
        """Accept several."""
        for key in keys:
            self.publish(key, 60)

    @precondition(lambda self: not self.life.draft.is_written(self.life.draft.last))
    @rule()
    def want_durable(self) -> None:
        """Somebody waits for the disk: what is not there yet is due."""
        buffer = self.life.buffer

        buffer.draft.want_written()

        if self.life.commit is None:
            assert buffer.draft.commit_due or buffer.draft.is_written(buffer.draft.last)

    @precondition(lambda self: any(queue.records for queue in self.life.windows.queues))
    @rule()
    def evict(self) -> None:
        """The oldest that waits in memory makes room."""
        events = self.life.buffer.events

        evicted = self.life.evict()

        assert evicted is not None
        assert self.life.buffer.events == events - 1

    # The disk.

    @precondition(lambda self: self.life.commit is None)
    @rule(trim=st.booleans())
    def begin_commit(self, trim: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """A commit is on its way, if there is anything to write."""
        if self.life.draft.commit_due or (trim and self.life.draft.trim_due):
            self.life.begin(trim=trim)

    @precondition(lambda self: self.life.commit is not None)
    @rule()
    def commit(self) -> None:
        """The commit succeeds."""
        told = self.life.told
        self.durable.update(self.life.finish())
        self.marked |= told

    @precondition(lambda self: self.life.commit is not None)
    @rule(written=st.booleans())
    def fail_to_commit(self, written: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """The commit fails, and perhaps it is in the file nevertheless."""
        self.life.fail(written=written)

        assert self.life.draft.commit_due

    @precondition(lambda self: self.life.commit is not None and self.journal.unsettled)
    @rule(data=st.data())
    def commit_after_damage(self, data: st.DataObject) -> None:
        """A row turns out to be unreadable before the commit is written."""
        self._damage(data, lambda: self.journal.apply(self.life.commit))  # type: ignore[arg-type]
        told = self.life.told
        self.durable.update(self.life.noted())
        self.marked |= told

    @precondition(lambda self: self.life.commit is None and self.journal.unsettled)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        """A row turns out to be unreadable."""
        self._damage(data, lambda: None)

    def _damage(self, data: st.DataObject, then: Callable[[], None]) -> None:
        lost = self.journal.lose(data.draw(st.sampled_from(self.journal.unsettled)).sequence)
        self.damaged = True
        then()
        self.life.lose(lost)

    @precondition(lambda self: self.life.windows.starving)
    @precondition(lambda self: self.life.commit is None and not self.life.pages)
    @rule(works=st.sampled_from([True, True, True, False]))
    def read(self, works: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """Lanes that are behind have a page read, or not."""
        self.life.read(works=works)

    @precondition(lambda self: self.life.pages)
    @rule(most=st.integers(1, 4))
    def refill(self, most: int) -> None:
        """What was read gets into its window, a few rows at a time."""
        self.life.refill(most)

    # The destination.

    def _free(self, lane: int) -> bool:
        return lane < self.life.plan.lanes and lane not in self.life.in_flight

    @rule(lane=LANES)
    def step(self, lane: int) -> None:
        """A lane looks what to do; it sends nothing before its marks are on disk."""
        if not self._free(lane):
            return
        self.life.now += 0.2
        self._confirm()
        self.life.step(lane)
        batch = self.life.in_flight.get(lane)
        if batch is not None:
            assert 1 <= len(batch) <= BATCH
            assert len(batch) == 1 or sum(len(each.body) for each in batch) <= BATCH_BYTES

    def _confirm(self) -> None:
        if self.life.failing:
            return
        if self.life.commit is not None:
            self.commit()
        if self.life.draft.marks_due:
            self.life.begin(trim=False)
            self.commit()

    def _arrive(self, records: list[Record]) -> None:
        """The destination takes these: the first time in each life in order, unless excused."""
        for name in ids(records):
            first = name not in self.life.arrived
            self.life.arrived.add(name)
            if name in self.twice:
                continue
            if not self.damaged:
                assert name not in self.marked
            line, _, number = name.rpartition("/")
            if first:
                assert int(number) > self.newest.get(line, -1)
                self.newest[line] = int(number)

    @precondition(lambda self: self.life.in_flight)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """A batch arrives, and its lane is told."""
        self._deliver(data.draw(st.sampled_from(sorted(self.life.in_flight))))

    def _deliver(self, lane: int) -> None:
        self._arrive(self.life.in_flight[lane])
        self.life.settle(lane, self.life.lanes[lane].succeeded())

    @precondition(lambda self: self.life.in_flight)
    @rule(data=st.data(), taken=st.integers(0, BATCH), for_good=st.booleans())
    def fail(self, data: st.DataObject, taken: int, for_good: bool) -> None:  # noqa: FBT001
        """A batch is refused as such; or nobody answers, and some of it may have arrived."""
        lane, schedule = self._draw_lane(data)
        if for_good:
            error: Exception = PermanentError("bad")
        else:
            error = TransientError("down")
            self._arrive(self.life.in_flight[lane][:taken])

        self.life.settle(lane, schedule.failed(error, self.life.now))

    def _draw_lane(self, data: st.DataObject) -> tuple[int, Schedule]:
        lane = data.draw(st.sampled_from(sorted(self.life.in_flight)))
        return lane, self.life.lanes[lane]

    @precondition(lambda self: self.life.in_flight)
    @rule(data=st.data())
    def fail_in_part(self, data: st.DataObject) -> None:
        """Some fail: their keys are parked, and others overtake them."""
        lane, schedule = self._draw_lane(data)
        records = self.life.in_flight[lane]
        failing = data.draw(st.sets(st.integers(0, len(records) - 1), min_size=1))
        poison = data.draw(st.sets(st.sampled_from(sorted(failing))))
        stopped: set[str] = set()
        failures: dict[int, TransientError | PermanentError] = {}
        for index, record in enumerate(records):
            if key_in(record) in stopped or (index in failing and index not in poison):
                stopped.add(key_in(record))
                failures[index] = TransientError("later")
            elif index in poison:
                failures[index] = PermanentError("bad")
        self._arrive([record for index, record in enumerate(records) if index not in failures])

        self.life.settle(lane, schedule.failed(PartialBatchError(failures), self.life.now))

    @precondition(lambda self: any(self.life.letters.values()))
    @rule(lane=LANES)
    def write_letters(self, lane: int) -> None:
        """What was refused gets into the dead-letter store."""
        letters = self.life.letters.get(lane, [])
        self.life.letters[lane] = []
        self.life.release([(item.record, item.sequence) for item in letters])

    @rule(seconds=st.sampled_from([0.5, 1.0, 10.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        """The clock jumps."""
        self.life.now += seconds

    # The journals of others.

    @precondition(lambda self: self.other is None)
    @rule(keys=st.lists(KEYS, min_size=1, max_size=7), settled=st.sets(st.integers(1, 7)))
    def die_elsewhere(self, keys: list[str], settled: set[int]) -> None:
        """Another process leaves its journal."""
        self.journals += 1
        self.other = MemoryJournal(self.homes, self.journals)
        bodies = [self._new(key, self.journals, 60).body for key in keys]
        rows = [
            Row(number, int(WALL * 1000), slot_of(key), body)
            for number, (key, body) in enumerate(zip(keys, bodies, strict=True), 1)
        ]
        self.other.apply(Commit(rows, len(rows), 60 * len(rows), 1, {}, ()))
        gone = self.other.settled
        fresh = sum(gone.add(number) for number in settled if number <= len(rows))
        size = 60 * (len(rows) - fresh)
        self.other.apply(Commit((), len(rows), size, gone.below, gone.blocks(), ()))

    @precondition(lambda self: self.other and not self.chunk and not self.life.buffer.crowded)
    @rule(most=st.integers(1, 5))
    def adopt(self, most: int) -> None:
        """A chunk of it is taken over."""
        assert self.other is not None
        settled = self.other.settled
        page = self.other.read(Want(settled.below - 1, 0, 1, most, 1 << 20))
        fresh = [row for row in page.rows if row.sequence not in settled]
        before = len(self.life.alive)

        self.life.adopt(fresh)
        self.life.draft.want_written()

        names = list(self.life.alive.values())[before:]
        self.chunk = (names, page.through, self.life.draft.last)

    @precondition(lambda self: self.chunk and self.life.draft.is_written(self.chunk[2]))
    @rule()
    def settle_adopted(self) -> None:
        """Once the chunk is written here, it is settled there."""
        assert self.other is not None
        assert self.chunk is not None
        names, through, _ = self.chunk
        settled = self.other.settled
        first = settled.below
        settled.add_range(first, through)
        size = self.other.bytes - 60 * len(names)
        marks = Commit(
            (), self.other.last, size, settled.below, settled.blocks(), [(first, through)]
        )
        # What is gone from above the mark is told as gone.
        gone = {number: b"" for number in self.other.blocks if number not in marks.blocks}
        self.other.apply(
            Commit((), marks.last, size, marks.below, {**marks.blocks, **gone}, marks.trim)
        )
        assert self.other.wrong == []
        self.chunk = None
        if settled.below > self.other.last:
            assert self.other.unsettled == []
            self.other = None

    # The end of a process, and the next one.

    @precondition(lambda self: self.steps >= LEAST_STEPS)
    @rule(plan=PLANS, written=st.booleans())
    def crash(self, plan: Plan, written: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """Only what was committed survives; a commit on its way, perhaps."""
        before = self.life
        if before.commit is not None and written:
            self.journal.apply(before.commit)
        self._end_life()
        self._live(plan)
        again = before.delivered & set(self.life.alive.values())
        if not (before.failed_once or self.damaged or again & self.twice):
            assert len(again) <= before.plan.lanes * BATCH

    @precondition(lambda self: self.steps >= LEAST_STEPS)
    @rule(plan=PLANS)
    def close(self, plan: Plan) -> None:
        """What has no fate is on disk in the end, and nothing else is found there."""
        self._write_all()
        before = self.life
        kept = dict(before.alive)
        assert before.buffer.draft.unwritten == 0
        assert before.buffer.hand_over() == len(kept)
        self._end_life()
        self._live(plan)
        assert self.life.alive == kept

    def _end_life(self) -> None:
        self.ended |= self.life.ended
        if self.chunk is not None:
            self.twice.update(self.chunk[0])
            self.chunk = None

    def _write_all(self) -> None:
        buffer = self.life.buffer
        buffer.draft.lazy = False
        if self.life.commit is not None:
            self.commit()
        while buffer.draft.commit_due or buffer.draft.trim_due:
            self.life.begin(trim=True)
            self.commit()

    # What always holds.

    @invariant()
    def the_books_balance(self) -> None:
        """Every event has one fate, or is still buffered; nothing is negative."""
        self.steps += 1
        life, buffer = self.life, self.life.buffer
        assert buffer.enqueued + buffer.recovered == life.settled + buffer.events
        assert buffer.events == len(life.alive) == buffer.unsettled(buffer.draft.last)
        assert buffer.bytes >= buffer.events * RECORD_OVERHEAD
        if not self.damaged:
            sizes = [self.sizes[name] + RECORD_OVERHEAD for name in life.alive.values()]
            assert buffer.bytes == sum(sizes)

    @invariant()
    def nothing_durable_is_lost(self) -> None:
        """What is known to be on disk has no fate yet and is buffered, or has one."""
        if not self.damaged:
            gone = self.durable - self.ended - self.life.ended
            assert gone <= set(self.life.alive.values())

    @invariant()
    def every_event_is_in_one_place(self) -> None:
        """It is in work, in its lane's window, waiting for its commit, or on disk."""
        life, buffer = self.life, self.life.buffer
        near = [number for queue in buffer.windows.queues for number in queue.numbers]
        near += [item.sequence for item in life.held]
        assert len(near) == len(set(near))
        assert set(near) <= set(life.alive)
        pending = {entry.sequence for entry in buffer._pending}
        for number in set(life.alive).difference(near):
            name = life.alive[number]
            if name or not self.damaged:
                queue = buffer.windows.queues[slot_of(name) % life.plan.lanes]
                assert number > queue.cursor
                written = number <= buffer.draft.committed
                assert number in (self.journal.rows if written else pending)

    @invariant()
    def every_settled_row_is_to_be_trimmed(self) -> None:
        """No row stays in the journal for ever."""
        due = self.life.draft._trimming._ranges
        for number in set(self.journal.rows).difference(self.life.alive):
            assert any(first <= number <= last for first, last in due)

    @invariant()
    def windows_keep_their_bounds(self) -> None:
        """No lane has more in memory than it may, but for one event."""
        for queue in self.life.windows.queues:
            assert list(queue.numbers) == sorted(queue.numbers)
            assert len(queue.records) <= self.life.plan.window
            assert queue.bytes <= 1500 + 500
            assert queue.bytes == sum(len(record.body) for record in queue.records)

    @invariant()
    def the_journal_was_told_no_nonsense(self) -> None:
        """It has seen no number twice, no early trim, and a row for all that is unsettled."""
        assert self.journal.wrong == []

    def teardown(self) -> None:
        """In the end all heals: everything arrives, and the journal is empty."""
        if not hasattr(self, "small"):
            return
        with self.small:
            for _ in range(400):
                if self._drained:
                    break
                self._make_progress()
            assert self._drained
            self.the_books_balance()
            self._write_all()
            assert self.journal.rows == {}
            assert self.life.buffer.bytes == 0

    @property
    def _drained(self) -> bool:
        life = self.life
        idle = all(schedule.idle for schedule in life.lanes)
        return idle and not (self.other or any(life.letters.values()) or life.in_flight)

    def _make_progress(self) -> None:
        life = self.life
        life.now += 60
        while life.pages:
            life.refill(10)
        self._write_all()
        life.read(works=True)
        if self.chunk is not None:
            self.settle_adopted()
        elif self.other and not life.buffer.crowded:
            self.adopt(5)
        for lane in range(life.plan.lanes):
            self.write_letters(lane)
            self.step(lane)
            if lane in life.in_flight:
                self._deliver(lane)


is_long = os.environ.get("EXPERIMENTFRAMEWORK_FAULTS") == "long"

TestDiskBufferAgainstModel = DiskBufferMachine.TestCase
TestDiskBufferAgainstModel.settings = settings(
    max_examples=5000 if is_long else 150,
    stateful_step_count=100 if is_long else 60,
    deadline=None,
    derandomize=not is_long,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
