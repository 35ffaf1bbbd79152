"""A process dies at a named point of the code; its successor delivers all that was durable."""

from __future__ import annotations

import pytest

from tests.faults import _system_calls, points
from tests.faults._scale import is_long

cases = points.plan(20 if is_long else 1, seed=3)


@pytest.mark.parametrize("case", cases, ids=lambda case: f"{case.point}-{case.reaches}")
def test_nothing_durable_is_lost_by_a_kill_at_a_point(case: points.Case) -> None:
    """Given a process, when it dies at the point, then a successor delivers what is durable."""
    if case.point == points.inside_sync and (why := _system_calls.why_not()):
        pytest.skip(why)

    outcome = points.carry_out(case)

    assert outcome.reached or is_long
    assert outcome.verdict.faults == []
