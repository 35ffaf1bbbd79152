"""The disk fails, is full, is shared."""

from __future__ import annotations

import pytest

from tests.faults import disk


@pytest.mark.parametrize("case", disk.cases)
def test_a_failing_disk_costs_nothing_durable_and_is_recovered_from(case: str) -> None:
    """Given a disk that fails, when it is well again, then all goes on and nothing is lost."""
    if (why := disk.why_not(case)) is not None:
        pytest.skip(why)

    outcome = disk.cases[case]()

    assert outcome.durable > 0
    assert outcome.lost == 0
    assert outcome.faults == ()
