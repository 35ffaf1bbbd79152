"""A replay is killed at random moments; the next one goes on behind what is known to be there."""

from __future__ import annotations

from tests.faults import replay
from tests.faults._scale import is_long


def test_kills_lose_nothing_and_repeat_a_bounded_number() -> None:
    """Given a replay, when it is killed, then those behind it bring all, in order."""
    size = {"events": 200_000, "kills": 8} if is_long else {"events": 30_000, "kills": 2}

    outcome = replay.carry_out(**size, seed=3)

    assert outcome.faults() == []
