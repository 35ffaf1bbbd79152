"""The waits between attempts: exponential, capped, then jittered."""

from __future__ import annotations

from itertools import cycle

import pytest

from experimentframework_core._rules.retry import Backoff


def backoff(*draws: float, multiplier: float = 2) -> Backoff:
    numbers = cycle(draws or (1.0,))
    return Backoff(initial=0.1, maximum=1.0, multiplier=multiplier, random=lambda: next(numbers))


def test_doubles_up_to_the_maximum() -> None:
    waits = backoff()

    assert [waits.next() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_jitters_after_the_cap() -> None:
    """Given a draw of one half, then at the cap the wait is half the maximum, not the cap."""
    waits = backoff(0.5)

    assert [waits.next() for _ in range(6)][-2:] == [0.5, 0.5]


def test_the_jitter_is_full() -> None:
    waits = backoff(0.0, 1.0)

    assert [waits.next() for _ in range(4)] == [0.0, 0.2, 0.0, 0.8]


def test_begins_anew_after_an_answer() -> None:
    waits = backoff()
    for _ in range(5):
        waits.next()

    waits.reset()

    assert waits.next() == 0.1


def test_the_destination_may_ask_for_more() -> None:
    assert backoff().next(at_least=7) == 7
    assert backoff().next(at_least=0.01) == 0.1


@pytest.mark.parametrize(("draw", "wait"), [(0.0, 0.5), (1.0, 1.0)])
def test_the_longest_is_near_the_maximum(draw: float, wait: float) -> None:
    assert backoff(draw).longest() == wait
    assert backoff(draw).longest(at_least=90) == 90


def test_stays_long_after_the_longest() -> None:
    waits = backoff()
    waits.longest()

    assert waits.next() == 1.0


def test_one_record_has_waits_of_its_own() -> None:
    """Given attempts of one record, then its waits grow and the lane's stay as they are."""
    waits = backoff()

    own = [waits.after(attempts) for attempts in (0, 1, 2, 3, 100_000)]

    assert own == [0.1, 0.1, 0.2, 0.4, 1.0]
    assert waits.next() == 0.1
    assert waits.after(1, at_least=5) == 5


def test_a_multiplier_of_one_waits_the_same() -> None:
    waits = backoff(multiplier=1)

    assert [waits.next(), waits.next(), waits.after(1000)] == [0.1, 0.1, 0.1]
