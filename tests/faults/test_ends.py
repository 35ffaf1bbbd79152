"""A process ends, in every way there is."""

from __future__ import annotations

import pytest

from tests.faults import _endings, ends
from tests.faults._scale import is_long


@pytest.mark.parametrize("up", [True, False] if is_long else [False], ids=lambda up: f"up={up}")
@pytest.mark.parametrize("way", [*_endings.ways, *ends.servers])
def test_an_end_loses_nothing_durable(way: str, up: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Given a process with events, when it ends that way, then what is durable arrives."""
    if (why := ends.why_not(way)) is not None:
        pytest.skip(why)

    outcome = ends.carry_out(way, up=up)

    assert outcome.durable > 0
    assert outcome.lost == 0
    assert outcome.faults == ()
