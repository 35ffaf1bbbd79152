"""One of two destinations is slow, or never answers."""

from __future__ import annotations

import pytest

from tests.faults import slow
from tests.faults._scale import is_long


@pytest.mark.parametrize("manner", slow.manners)
def test_a_slow_destination_costs_nothing_and_the_other_gets_all(manner: str) -> None:
    """Given two destinations, when one is slow, then nothing is lost and the other has all."""
    seconds, rate = (10.0, 4000) if is_long else (1.5, 2000)

    outcome = slow.carry_out(manner, seconds=seconds, rate=rate)

    assert outcome.acknowledged > 0
    assert outcome.faults == ()
