"""A disk buffer and its lanes against a model, through crashes, failing commits and damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from experimentframework_core._buffer import RECORD_OVERHEAD, size_of
from experimentframework_core._disk.journal import Row
from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from tests.core._channels import ids, make
from tests.core._disks import name_of
from tests.core.disk._lives import BATCH, WALL, Life, MemoryJournal, Plan, slot_of

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record

KEYS = st.sampled_from("abcd")
PLANS = st.builds(
    Plan,
    lanes=st.integers(1, 3),
    lazy=st.booleans(),
    window=st.sampled_from([2, 6]),
    pending=st.sampled_from([3, 12]),
    max_age=st.sampled_from([None, None, 30.0]),
    skew=st.sampled_from([0.0, 0.0, -1000.0, 1000.0]),
)
LARGEST = 500
MOST_STEPS = 600


class BufferMachine(RuleBasedStateMachine):
    """The model: what was promised, what met its fate, what the file says is settled."""

    @initialize(plan=PLANS)
    def build(self, plan: Plan) -> None:
        """Begin the first life."""
        self.journal = MemoryJournal({}, 1)
        self.life = Life(self.journal, plan, self.journal.opened())
        self.sizes: dict[str, int] = {"": 0}
        self.durable: set[str] = set()
        self.ended: set[str] = set()
        self.known: set[str] = set()
        self.damaged: set[str] = set()
        self.newest: dict[str, int] = {}
        self.made = 0

    def _make(self, key: str, journal: str, size: int) -> Record:
        self.made += 1
        record = make(f"{key}/{journal}/{self.made}", size=size)
        self.sizes[record.event_id] = size_of(record)
        return record

    # What comes in.

    @rule(key=KEYS, size=st.integers(60, LARGEST), durable=st.booleans())
    def publish(self, key: str, size: int, durable: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """Offer a record; its number is the next one, and it is refused only for lack of room."""
        buffer, last = self.life.buffer, self.life.buffer.last
        record = self._make(key, "own", size)
        fits = buffer.events < buffer.max_events
        fits = fits and buffer.bytes + size_of(record) <= buffer.max_bytes

        taken = self.life.take(record)

        assert buffer.last == last + int(taken)
        assert taken == (fits and (taken or not buffer.congested))
        if taken and durable:
            buffer.want_written()
            assert buffer.commit_due

    @precondition(lambda self: not self.life.buffer.crowded)
    @rule(keys=st.lists(KEYS, min_size=1, max_size=4))
    def adopt(self, keys: list[str]) -> None:
        """Take rows of another process's journal."""
        rows = []
        for number, key in enumerate(keys, 1):
            record = self._make(key, "other", 80)
            at = int((WALL + self.life.now) * 1000)
            rows.append(Row(number, at, slot_of(record.event_id), record.body))
        self.life.adopt(rows)

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.0, 40.0]))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.life.now += seconds

    # What goes to the journal.

    @precondition(lambda self: self.life.commit is None)
    @rule(trim=st.booleans())
    def begin_commit(self, trim: bool) -> None:  # noqa: FBT001
        """The writer looks what is to be written."""
        if self.life.buffer.commit_due or (trim and self.life.buffer.trim_due):
            self.life.begin(trim=trim)

    @precondition(lambda self: self.life.commit is not None)
    @rule()
    def finish_commit(self) -> None:
        """The commit is synced."""
        told = self.life.told
        self.durable.update(self.life.finish())
        self.known |= told

    @precondition(lambda self: self.life.commit is not None)
    @rule(written=st.booleans())
    def fail_commit(self, written: bool) -> None:  # noqa: FBT001
        """The commit fails, or is in the file although it seems to fail."""
        self.life.fail(written=written)

    # What comes back.

    @precondition(lambda self: self.life.buffer.starving and not self.life.pages)
    @rule(works=st.sampled_from([True, True, True, False]))
    def read(self, works: bool) -> None:  # noqa: FBT001
        """The reader asks for what lanes want."""
        self.life.read(works=works)

    @precondition(lambda self: self.life.pages)
    @rule(most=st.integers(1, 4))
    def refill(self, most: int) -> None:
        """Some of what was read goes into its window."""
        self.life.refill(most)

    # What lanes do.

    def _idle_lanes(self) -> list[int]:
        """Return the lanes that may go on: their marks are on disk, or cannot be."""
        waits = self.life.buffer.marks_due or self.life.commit is not None
        if waits and not self.life.failing:
            return []
        lanes = range(self.life.plan.lanes)
        return [lane for lane in lanes if lane not in self.life.in_flight]

    @precondition(lambda self: self._idle_lanes())
    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """A lane looks what to do."""
        self.life.step(data.draw(st.sampled_from(self._idle_lanes())))

    @precondition(lambda self: self.life.in_flight)
    @rule(data=st.data(), fate=st.sampled_from(["good", "good", "deaf", "down", "bad", "partly"]))
    def answer(self, data: st.DataObject, fate: str) -> None:
        """The destination answers a batch, or does not."""
        lane = data.draw(st.sampled_from(sorted(self.life.in_flight)))
        batch, schedule = self.life.in_flight[lane], self.life.lanes[lane]
        now = self.life.now
        if fate == "good":
            self._arrive(batch)
            self.life.settle(lane, schedule.succeeded())
        elif fate == "partly":
            failing = data.draw(st.integers(0, len(batch) - 1))
            self._fail_in_part(lane, batch, failing)
        else:
            if fate == "deaf":
                self._arrive(batch)
            error = PermanentError("bad") if fate == "bad" else TransientError("down")
            self.life.settle(lane, schedule.failed(error, now))

    def _fail_in_part(self, lane: int, batch: list[Record], failing: int) -> None:
        key = batch[failing].event_id.partition("/")[0]
        failures: dict[int, TransientError | PermanentError] = {
            index: TransientError("later")
            for index, record in enumerate(batch)
            if index >= failing and record.event_id.partition("/")[0] == key
        }
        self._arrive([each for index, each in enumerate(batch) if index not in failures])
        error = PartialBatchError(failures)
        self.life.settle(lane, self.life.lanes[lane].failed(error, self.life.now))

    def _arrive(self, batch: list[Record]) -> None:
        for name in ids(batch):
            assert name not in self.life.ended, "delivered again in the life in which it ended"
            assert name not in self.known, "delivered although the file knew it to be settled"
            if name not in self.life.arrived:
                line, _, number = name.rpartition("/")
                assert int(number) > self.newest.get(line, 0), "out of order"
                self.newest[line] = int(number)
            self.life.arrived.add(name)

    @precondition(lambda self: any(self.life.letters.values()))
    @rule()
    def bury(self) -> None:
        """The dead-letter store takes what waits for it."""
        for lane, letters in self.life.letters.items():
            self.life.letters[lane] = []
            self.life.release([(item.record, item.sequence) for item in letters])

    @rule()
    def evict(self) -> None:
        """The oldest that waits in memory makes room."""
        self.life.evict()

    # What goes wrong.

    @precondition(lambda self: self.journal.rows)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        """A row cannot be read any more; nobody knows yet."""
        number = data.draw(st.sampled_from(sorted(self.journal.rows)))
        self.damaged.add(name_of(self.journal.rows.pop(number).body))
        self.journal.damaged = True

    @rule(plan=PLANS, written=st.booleans())
    def crash(self, plan: Plan, written: bool) -> None:  # noqa: FBT001
        """The process dies, in a commit perhaps, and another one opens the journal."""
        old = self.life
        if old.commit is not None and written:
            self.journal.apply(old.commit)
            self.known |= old.told
        self.ended |= old.ended
        there = {name_of(row.body) for row in self.journal.unsettled}
        assert self.durable - self.ended - self.damaged <= there
        if not old.failed_once:
            assert len((old.delivered & there) - self.damaged) <= old.plan.lanes * BATCH
        self.newest = {}
        self.life = Life(self.journal, plan, self.journal.opened())
        self.life.now = old.now + 1

    # What holds always.

    @invariant()
    def books_balance(self) -> None:
        """Every event that came in has met its fate, or is in the buffer."""
        if not hasattr(self, "life"):
            return
        buffer = self.life.buffer
        assert buffer.enqueued + buffer.recovered == self.life.settled + buffer.events
        assert buffer.events == len(self.life.alive)
        assert buffer.events * RECORD_OVERHEAD <= buffer.bytes or not buffer.events
        if not self.journal.damaged:
            assert buffer.bytes == sum(self.sizes[name] for name in self.life.alive.values())

    @invariant()
    def memory_is_bounded(self) -> None:
        """Windows and what waits for its commit keep their bounds."""
        if not hasattr(self, "life"):
            return
        plan = self.life.plan
        for queue in self.life.buffer.disk_queues:
            assert len(queue.records) <= plan.window
            assert queue.bytes == sum(len(record.body) for record in queue.records)
            assert queue.bytes <= 1500 + LARGEST
            assert list(queue.numbers) == sorted(set(queue.numbers))

    @invariant()
    def the_file_makes_sense(self) -> None:
        """Nothing unsettled is trimmed, no unsettled number is without a row."""
        if hasattr(self, "journal"):
            assert self.journal.wrong == []

    def teardown(self) -> None:
        """In the end all is well again: everything meets its fate and the journal is empty."""
        if not hasattr(self, "life"):
            return
        for _ in range(MOST_STEPS):
            if not self.life.alive:
                break
            self._work()
        assert not self.life.alive
        assert not any(map(self._is_behind, range(self.life.plan.lanes)))
        while self.life.commit is not None or self.life.buffer.commit_due or self._trim_due():
            self._write()
        self.the_file_makes_sense()
        assert self.journal.unsettled == []
        assert self.journal.rows == {}
        assert self.durable - self.ended - self.life.ended - self.damaged == set()

    def _is_behind(self, lane: int) -> bool:
        queue = self.life.buffer.disk_queues[lane]
        return bool(queue.records) or queue.cursor < max(self.life.alive, default=0)

    def _trim_due(self) -> bool:
        return self.life.buffer.trim_due

    def _write(self) -> None:
        if self.life.commit is None:
            self.life.begin(trim=True)
        self.finish_commit()

    def _work(self) -> None:
        """Do whatever can be done, once."""
        self.life.now += 20
        if self.life.commit is not None or self.life.buffer.commit_due:
            self._write()
        self.life.lanes[0].hurry = True
        if self.life.buffer.starving and not self.life.pages:
            self.life.read(works=True)
        while self.life.pages:
            self.life.refill(100)
        for lane in self._idle_lanes():
            self.life.step(lane)
        for lane, batch in list(self.life.in_flight.items()):
            self._arrive(batch)
            self.life.settle(lane, self.life.lanes[lane].succeeded())
        self.bury()


TestBufferAgainstModel = BufferMachine.TestCase
TestBufferAgainstModel.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
