"""Reading on behind what is no event."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from experimentframework_core._replay.intake import Intake
from experimentframework_core.errors import ReplayError, TransientError
from experimentframework_core.plugin import Selection
from tests.core._sources import FakeSource, envelope


async def taken(intake: Intake) -> list[str]:
    async with aclosing(intake.records()) as records:
        return [record.event_id async for record in records]


@pytest.mark.parametrize("goes_on", [False, True])
async def test_what_is_no_event_is_passed_by(*, goes_on: bool) -> None:
    """Given broken records between events, When read, Then each is told with its place."""
    broken = [ReplayError("one", record=b"1"), ReplayError("two", record=b"2")]
    source = FakeSource([envelope("a"), *broken, envelope("b"), ReplayError("3", record=b"3")])
    source.goes_on = goes_on
    passed: list[tuple[str, str]] = []
    intake = Intake(
        source.source(), Selection(), lambda error, place: passed.append((str(error), place))
    )

    found = await taken(intake)

    assert found == ["a", "b"]
    assert passed == [("one", "2"), ("two", "3"), ("3", "5")]
    assert intake.position == "5"
    assert source.closed == len(source.asked)


async def test_where_there_is_no_way_on_it_ends() -> None:
    """Given an error before which the position stays, When read, Then that ends the reading."""
    stuck = ReplayError("stuck")
    source = FakeSource([envelope("a"), stuck], passing=[stuck])
    intake = Intake(source.source(), Selection(checkpoint="1"), lambda *_: None)

    with pytest.raises(ReplayError, match="stuck"):
        await taken(intake)


async def test_a_source_that_dies_says_so() -> None:
    """Given a source that cannot be read on, When read, Then it ends behind what was given."""
    down = TransientError("down")
    source = FakeSource([envelope("a"), down], passing=[down])
    intake = Intake(source.source(), Selection(), lambda *_: None)

    with pytest.raises(TransientError, match="down"):
        await taken(intake)

    assert intake.position == "1"
