"""A process is killed at a random moment; its successor delivers all that was durable."""

from __future__ import annotations

import pytest

from tests.faults import kill
from tests.faults._scale import is_long

runs = kill.plan(200 if is_long else 6, seed=7, rate=5000 if is_long else 2000)


@pytest.mark.parametrize("run", runs, ids=lambda run: f"{run.number}-{run.manner}-{run.shape}")
def test_nothing_durable_is_lost_by_a_kill(run: kill.Run) -> None:
    """Given a publishing process, when it is killed, then a successor delivers what is durable."""
    outcome = kill.carry_out(run)

    assert outcome.verdict.durable > 0
    assert outcome.verdict.lost == 0
    assert outcome.verdict.faults == []
