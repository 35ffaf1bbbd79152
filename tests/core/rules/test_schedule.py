"""What a lane does next, case by case; `test_schedule_model` tries all of it together."""

from __future__ import annotations

from typing import Any

import pytest

from experimentframework_core._rules.batch import BatchRule
from experimentframework_core._rules.breaker import Breaker, BreakerState
from experimentframework_core._rules.buffer import Buffer
from experimentframework_core._rules.retry import Backoff
from experimentframework_core._rules.schedule import Deliver, Refusal, Schedule, Wait
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from tests.core._channels import ids, key_of, make


class Lane:
    """A schedule with its queue; the draws are the longest."""

    def __init__(self, *names: str, threshold: int = 3, **limits: Any) -> None:
        self.buffer = Buffer(max_events=1000, max_bytes=1_000_000)
        self.breaker = Breaker(threshold=threshold, open_for=1, max_open=30, random=lambda: 1.0)
        self.schedule = Schedule(
            self.buffer.queues[0],
            rule=BatchRule(4, 100_000, 1.0),
            backoff=Backoff(initial=0.1, maximum=30, multiplier=2, random=lambda: 1.0),
            breaker=self.breaker,
            key=key_of,
            **limits,
        )
        self.put(*names)

    def put(self, *names: str) -> None:
        """Queue records; the key of ``a1`` is ``a``."""
        for name in names:
            self.buffer.offer(make(name, name[0]))

    def deliver(self, now: float) -> list[str]:
        action = self.schedule.next(now)
        assert isinstance(action, Deliver)
        return ids(action.records)


def test_waits_without_end_for_a_first_record() -> None:
    assert Lane().schedule.next(10) == Wait(None)


def test_waits_for_the_interval() -> None:
    lane = Lane("a1")

    assert lane.schedule.next(10) == Wait(11)
    assert lane.deliver(11) == ["a1"]


def test_in_a_hurry_waits_for_nothing() -> None:
    lane = Lane("a1")
    lane.schedule.hurry = True

    assert lane.deliver(10) == ["a1"]


def test_the_same_records_after_a_failure() -> None:
    """Given a failure, then the lane waits as long as the backoff says, with the same batch."""
    lane = Lane("a1", "a2", "a3", "a4")
    first = lane.deliver(10)

    settlement = lane.schedule.failed(TransientError("down"), 10)
    lane.put("a5")

    assert (settlement.delivered, settlement.refused, settlement.retried) == ([], [], 4)
    assert lane.schedule.next(10) == Wait(10.1)
    assert lane.deliver(10.1) == first


@pytest.mark.parametrize(
    ("error", "until"),
    [
        (TransientError("busy", retry_after=7), 17),
        (UnavailableError("no topic"), 40),
        (UnavailableError("no topic", retry_after=100), 110),
    ],
)
def test_waits_as_long_as_the_error_asks(error: TransientError, until: float) -> None:
    lane = Lane("a1", "a2", "a3", "a4")
    lane.deliver(10)

    lane.schedule.failed(error, 10)

    assert lane.schedule.next(10) == Wait(until)


def test_the_breaker_holds_back_a_new_batch() -> None:
    """Given a breaker opened by others, then nothing is taken out of the queue before its time."""
    lane = Lane("a1", "a2", "a3", "a4", threshold=1)
    lane.breaker.failed(10)

    assert lane.schedule.next(10) == Wait(11)
    assert lane.schedule.held == []
    assert lane.deliver(11) == ["a1", "a2", "a3", "a4"]
    assert lane.breaker.state is BreakerState.HALF_OPEN


def test_a_refusal_is_an_answer() -> None:
    """Given a destination that refuses a batch, then it is not taken for one that is down."""
    lane = Lane("a1", "a2", "a3", "a4", threshold=1)
    lane.deliver(10)

    lane.schedule.failed(PermanentError("bad"), 10)

    assert lane.breaker.state is BreakerState.CLOSED
    assert lane.deliver(10) == ["a1", "a2"]


def test_a_parked_key_lets_others_pass() -> None:
    """Given a key that failed for now, then its later records wait with it, others do not."""
    lane = Lane("a1", "b1", "a2", "b2")
    lane.deliver(10)
    lane.schedule.failed(PartialBatchError({0: TransientError(""), 2: TransientError("")}), 10)
    lane.put("a3", "b3", "b4", "a4")

    assert lane.deliver(10) == ["b3", "b4"]
    lane.schedule.succeeded()
    assert lane.schedule.next(10) == Wait(10.1)
    assert lane.deliver(10.1) == ["a1", "a2", "a3", "a4"]


def test_a_retry_is_no_larger_than_a_batch() -> None:
    """Given parked records and a full queue, then each delivery keeps to batchSize."""
    lane = Lane("a1", "b1", "c1", "d1")
    lane.deliver(10)
    failures: dict[int, TransientError | PermanentError] = {0: TransientError("")}
    lane.schedule.failed(PartialBatchError(failures), 10)
    lane.put("e1", "e2", "e3", "e4", "e5")

    batches = []
    for _ in range(2):
        batches.append(lane.deliver(10.1))
        lane.schedule.succeeded()

    assert batches == [["a1"], ["e1", "e2", "e3", "e4"]]


def test_a_plugin_bug_gets_three_tries_with_waits() -> None:
    lane = Lane("a1")
    times: list[float] = []
    refused: list[Refusal] = []
    now = 11.0
    while not refused:
        action = lane.schedule.next(now)
        if isinstance(action, Wait):
            assert action.until is not None
            now = action.until
            continue
        times.append(now)
        refused = lane.schedule.failed(ZeroDivisionError("bug"), now).refused

    assert times == pytest.approx([12, 12.1, 12.3])
    assert (refused[0].reason, refused[0].item.offered) == ("plugin_error", 3)
    assert "ZeroDivisionError: bug" in (refused[0].details or "")


def test_what_is_too_old_expires_wherever_it_is() -> None:
    """Given records in work, parked and queued, then each expires at its age."""
    lane = Lane("a1", "b1", "c1", "d1", max_age=60.0)
    lane.deliver(10)
    lane.schedule.failed(PartialBatchError({0: TransientError("", retry_after=99)}), 10)
    lane.put("b2", "b3", "b4", "b5")
    lane.deliver(20)
    lane.schedule.failed(TransientError("down", retry_after=99), 20)
    lane.put("c2")
    lane.schedule.next(30)

    expired = [
        [item.record.event_id for item in lane.schedule.expire(now)] for now in (69, 70, 80, 90)
    ]

    assert expired == [[], ["a1"], ["b2", "b3", "b4", "b5"], ["c2"]]
    assert lane.schedule.idle


def test_opening_is_limited_as_deliveries_are() -> None:
    """Given a backplane that cannot be opened, then backoff and breaker hold the next attempt."""
    lane = Lane(threshold=1)
    allowed = lane.schedule.may_open(10)

    lane.schedule.unreachable(TransientError("refused"), 10)

    assert (allowed, lane.schedule.may_open(10.5), lane.schedule.may_open(11)) == (
        True,
        False,
        True,
    )
    lane.schedule.opened()
    assert lane.breaker.state is BreakerState.CLOSED


def test_gives_up_everything_at_the_end_once() -> None:
    lane = Lane("a1", "b1", "c1", "d1")
    lane.deliver(10)
    lane.schedule.failed(PartialBatchError({0: TransientError("")}), 10)
    lane.put("e1", "e2", "e3", "e4")
    lane.deliver(10)

    left = [item.record.event_id for item in lane.schedule.leave()]

    assert sorted(left) == ["a1", "e1", "e2", "e3", "e4"]
    assert (lane.schedule.leave(), lane.schedule.idle) == ([], True)


def test_knows_the_age_of_the_oldest() -> None:
    lane = Lane("a1", "b1", "c1", "d1")
    fresh = Lane().schedule.oldest(10)
    lane.deliver(10)
    lane.put("e1")
    lane.buffer.queues[0].mark(12)

    in_work = lane.schedule.oldest(15)
    lane.schedule.succeeded()

    assert (fresh, in_work, lane.schedule.oldest(15)) == (None, 10, 12)
