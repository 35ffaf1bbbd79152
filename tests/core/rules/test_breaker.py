"""When a destination is left alone, and when it is probed."""

from __future__ import annotations

import pytest

from experimentframework_core._rules.breaker import Breaker, BreakerState


def breaker(draw: float = 1.0) -> Breaker:
    return Breaker(threshold=3, open_for=1, max_open=8, random=lambda: draw)


def opened(draw: float = 1.0) -> Breaker:
    opened = breaker(draw)
    for _ in range(3):
        opened.failed(10)
    return opened


def test_stays_closed_below_the_threshold() -> None:
    fresh = breaker()

    fresh.failed(10)
    fresh.failed(10)

    assert (fresh.state, fresh.admits(10)) == (BreakerState.CLOSED, True)


def test_only_failures_in_a_row_count() -> None:
    fresh = breaker()
    for _ in range(5):
        fresh.failed(10)
        fresh.failed(10)
        fresh.succeeded()

    assert fresh.state is BreakerState.CLOSED


@pytest.mark.parametrize(("draw", "again"), [(0.0, 10.5), (1.0, 11.0)])
def test_opens_at_the_threshold(draw: float, again: float) -> None:
    """Given three failures, then nothing is admitted before the pause, less its jitter."""
    down = opened(draw)

    assert (down.state, down.retry_at) == (BreakerState.OPEN, again)
    assert not down.admits(again - 0.01)


def test_admits_one_probe() -> None:
    down = opened()

    assert [down.admits(11), down.admits(11), down.state] == [True, False, "half_open"]


def test_a_probe_that_never_answers_does_not_close_the_door_for_ever() -> None:
    down = opened()
    down.admits(11)

    assert [down.admits(11.9), down.admits(12)] == [False, True]


def test_closes_when_the_probe_succeeds() -> None:
    down = opened()
    down.admits(11)

    down.succeeded()

    assert (down.state, down.admits(11), down.admits(11)) == (BreakerState.CLOSED, True, True)


def test_each_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    down = opened()
    pauses = []

    for _ in range(5):
        now = down.retry_at
        assert down.admits(now)
        down.failed(now)
        pauses.append(down.retry_at - now)

    assert pauses == [2, 4, 8, 8, 8]


def test_begins_anew_after_a_success() -> None:
    down = opened()
    down.admits(11)
    down.failed(11)
    down.succeeded()

    for _ in range(3):
        down.failed(50)

    assert down.retry_at == 51


def test_late_failures_do_not_lengthen_the_pause() -> None:
    """Given deliveries that began before it opened, when they fail, then nothing changes."""
    down = opened()

    for _ in range(10):
        down.failed(10.2)

    assert down.retry_at == 11
