"""The destination is away for a while."""

from __future__ import annotations

from tests.faults import outage
from tests.faults._scale import is_long


def test_an_outage_loses_nothing_and_dead_letters_nothing() -> None:
    """Given a steady rate, when the destination is away, then all arrives later, in order."""
    seconds, rate = (60.0, 5000) if is_long else (4.0, 2000)

    outcome = outage.carry_out(seconds, rate)

    assert outcome.published > seconds * rate
    assert outage.faults_of(outcome) == []
