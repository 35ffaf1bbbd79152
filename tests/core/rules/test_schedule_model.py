"""One lane's buffer, queue and schedule against a model, under every fate a batch can meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from experimentframework_core._rules.batch import BatchRule
from experimentframework_core._rules.breaker import Breaker
from experimentframework_core._rules.buffer import RECORD_OVERHEAD, Buffer
from experimentframework_core._rules.retry import Backoff
from experimentframework_core._rules.schedule import Deliver, Schedule, Settlement
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from tests.core._channels import ids, key_of, make

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record

SIZE, BYTES = 5, 400
KEYS = st.sampled_from(["a", "b", "c"])
WAITS = st.none() | st.floats(0, 100)
FAILURES = st.sampled_from(
    [
        TransientError("later"),
        TransientError("throttled", retry_after=3),
        UnavailableError("no topic"),
        PermanentError("bad"),
    ]
)


class LaneMachine(RuleBasedStateMachine):
    """The model: what was accepted, in order, and the one fate that each record has met."""

    @initialize(
        draw=st.floats(0, 1),
        max_attempts=st.none() | st.integers(1, 3),
        max_age=st.none() | st.floats(1, 50),
    )
    def build(self, draw: float, max_attempts: int | None, max_age: float | None) -> None:
        """Put the parts together."""
        self.now = 100.0
        self.max_attempts = max_attempts
        self.max_age = max_age
        self.buffer = Buffer(max_events=25, max_bytes=25_000)
        self.schedule = Schedule(
            self.buffer.queues[0],
            rule=BatchRule(SIZE, BYTES, 1.0),
            backoff=Backoff(initial=0.1, maximum=30, multiplier=2, random=lambda: draw),
            breaker=Breaker(threshold=3, open_for=1, max_open=30, random=lambda: draw),
            key=key_of,
            max_attempts=max_attempts,
            max_age=max_age,
        )
        self.accepted: list[Record] = []
        self.fates: dict[str, str] = {}
        self.delivered: list[str] = []
        self.in_flight: list[Record] | None = None
        self.owed: list[str] | None = None
        self.not_before = 0.0

    @rule(key=KEYS, size=st.integers(60, 500))
    def offer(self, key: str, size: int) -> None:
        """Accept a record if there is room, and only then."""
        record = make(len(self.accepted), key, size=size)
        room = (
            self.buffer.events < 25
            and self.buffer.bytes + len(record.body) + RECORD_OVERHEAD <= 25_000
        )

        assert bool(self.buffer.offer(record)) is room

        if room:
            self.accepted.append(record)

    @rule(seconds=st.sampled_from([0.0, 0.05, 1.0, 10.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(hurry=st.booleans())
    def hurry(self, hurry: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """A flush begins or ends."""
        self.schedule.hurry = hurry

    @rule()
    def evict(self) -> None:
        """The oldest that waits makes room."""
        oldest = self.buffer.evict()
        if oldest is not None:
            self._settle([oldest], "evicted")

    @precondition(lambda self: self.in_flight is None)
    @rule()
    def step(self) -> None:
        """The lane looks what to do."""
        expired = self.schedule.expire(self.now)
        for item in expired:
            assert self.max_age is not None
            assert item.accepted_at <= self.now - self.max_age
        self._release([item.record for item in expired], "expired")
        action = self.schedule.next(self.now)
        if isinstance(action, Deliver):
            self._begin(action.records)
        elif action.until is not None:
            assert action.until >= self.now

    def _begin(self, records: list[Record]) -> None:
        self.in_flight = list(records)
        assert 1 <= len(records) <= SIZE
        assert len(records) == 1 or sum(len(record.body) for record in records) <= BYTES
        assert self.now >= self.not_before
        if self.owed is not None:
            assert ids(records) == [each for each in self.owed if each not in self.fates] or all(
                each in self.fates for each in self.owed
            )
        self.owed = None

    @precondition(lambda self: self.in_flight)
    @rule()
    def succeed(self) -> None:
        """The batch arrives."""
        self._finish(self.schedule.succeeded())

    @precondition(lambda self: self.in_flight)
    @rule(wait=WAITS, unavailable=st.booleans())
    def fail_for_now(self, wait: float | None, unavailable: bool) -> None:  # noqa: FBT001
        """Nobody answers: nothing is given up, the same records come again, not too early."""
        kind = UnavailableError if unavailable else TransientError
        records = self.in_flight or []

        settlement = self.schedule.failed(kind("down", retry_after=wait), self.now)

        assert (settlement.delivered, settlement.refused) == ([], [])
        self.owed = ids(records)
        self.not_before = self.now + (wait or 0.0)
        self._finish(settlement)

    @precondition(lambda self: self.in_flight)
    @rule()
    def refuse(self) -> None:
        """The batch as such is refused: only a lone record is given up for it."""
        alone = len(self.in_flight or []) == 1

        settlement = self.schedule.failed(PermanentError("bad"), self.now)

        assert (len(settlement.refused), settlement.delivered) == (int(alone), [])
        self._finish(settlement)

    @precondition(lambda self: self.in_flight)
    @rule()
    def break_down(self) -> None:
        """The plugin has a bug."""
        settlement = self.schedule.failed(ValueError("bug"), self.now)

        assert settlement.delivered == []
        assert len(settlement.refused) <= int(len(self.in_flight or []) == 1)
        self._finish(settlement)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def fail_in_part(self, data: st.DataObject) -> None:
        """Some fail; an ordered destination takes nothing of a key behind what failed for now."""
        records = self.in_flight or []
        indexes = st.integers(0, len(records) - 1)
        failures: dict[int, Any] = data.draw(st.dictionaries(indexes, FAILURES, min_size=1))
        stopped: set[str | None] = set()
        for index, record in enumerate(records):
            if record.experiment in stopped:
                failures.setdefault(index, TransientError("order"))
            if isinstance(failures.get(index), TransientError):
                stopped.add(record.experiment)
                failures[index] = (
                    failures[index]
                    if isinstance(failures[index], TransientError)
                    else TransientError("order")
                )

        settlement = self.schedule.failed(PartialBatchError(failures), self.now)

        kept = [record for index, record in enumerate(records) if index not in failures]
        assert ids(settlement.delivered) == ids(kept)
        for refusal in settlement.refused:
            failure = failures[ids(records).index(refusal.item.record.event_id)]
            if refusal.reason == "attempts":
                assert isinstance(failure, TransientError)
                assert self.max_attempts is not None
                assert refusal.item.attempts >= self.max_attempts
            else:
                assert isinstance(failure, PermanentError)
        self._finish(settlement)

    def _finish(self, settlement: Settlement) -> None:
        self.in_flight = None
        self.delivered += ids(settlement.delivered)
        self._release(settlement.delivered, "delivered")
        self._release([refusal.item.record for refusal in settlement.refused], "refused")

    def _release(self, records: list[Record], fate: str) -> None:
        self.buffer.release(records, range(len(records)))
        self._settle(records, fate)

    def _settle(self, records: list[Record], fate: str) -> None:
        for name in ids(records):
            assert name not in self.fates
            self.fates[name] = fate

    @invariant()
    def every_record_has_one_fate_or_is_held_once(self) -> None:
        """Nothing is lost and nothing is there twice."""
        held = [item.record for item in self.schedule.held]
        held += self.buffer.queues[0].records
        assert sorted(ids(held) + list(self.fates)) == sorted(ids(self.accepted))
        assert self.buffer.events == len(held)
        assert self.buffer.bytes == sum(len(each.body) + RECORD_OVERHEAD for each in held)
        assert self.schedule.idle is not bool(held)

    @invariant()
    def delivered_order_is_accepted_order_per_key(self) -> None:
        """Records of one key arrive as they were accepted."""
        by_key: dict[str | None, list[int]] = {}
        for name in self.delivered:
            by_key.setdefault(self.accepted[int(name)].experiment, []).append(int(name))
        assert all(numbers == sorted(numbers) for numbers in by_key.values())

    @invariant()
    def settled_below_is_right(self) -> None:
        """It is the number of the first record without a fate."""
        unsettled = [
            number for number in range(len(self.accepted)) if str(number) not in self.fates
        ]
        assert self.schedule.settled_below == min(unsettled, default=len(self.accepted))

    def teardown(self) -> None:
        """In the end the destination heals, and all that is held arrives."""
        if not hasattr(self, "schedule"):
            return
        if self.in_flight:
            self.succeed()
        for _ in range(200):
            if self.schedule.idle:
                break
            self.now += 60
            self.step()
            if self.in_flight:
                self.succeed()
        assert self.schedule.idle
        self.delivered_order_is_accepted_order_per_key()
        assert len(self.fates) == len(self.accepted)


TestLaneAgainstModel = LaneMachine.TestCase
TestLaneAgainstModel.settings = settings(
    max_examples=120,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
