"""What a caller wants to read becomes a selection, or an error that says what is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from experimentframework_core._reading.criteria import selection_from
from experimentframework_core.plugin import Selection

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_criteria_stand_in_the_place_of_the_selections_own() -> None:
    """Given a selection, When criteria are given beside it, Then they replace and add."""
    selection = Selection(types=("exposure",), subjects=("u-1",))

    made = selection_from(selection, {"types": ["outcome", "error"], "since": NOON})

    assert made == Selection(types=("outcome", "error"), subjects=("u-1",), since=NOON)


def test_one_name_stands_for_a_list_of_one() -> None:
    """Given a name that is no list, When it is a criterion, Then it is that name, no letters."""
    made = selection_from(None, {"types": "exposure"})

    assert made.types == ("exposure",)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (datetime(2026, 3, 1), None, "since=2026-03-01T00:00:00 has no time zone"),  # noqa: DTZ001
        (None, datetime(2026, 3, 1), "until=2026-03-01T00:00:00 has no time zone"),  # noqa: DTZ001
        (NOON, NOON - timedelta(hours=1), "since 2026-03-01T12:00:00+00:00 is not before until"),
        (NOON, NOON, "no event is selected: swap them, or leave one out"),
    ],
)
def test_times_that_make_no_sense_are_refused(
    since: datetime | None, until: datetime | None, expected: str
) -> None:
    """Given such times, When they are criteria, Then the error says what is wrong with them."""
    with pytest.raises(ValueError, match=expected.replace("+", r"\+")):
        selection_from(None, {"since": since, "until": until})


def test_times_of_two_zones_are_compared_as_times() -> None:
    """Given a first time that only looks later, When it is a criterion, Then it is taken."""
    west = timezone(timedelta(hours=-5))

    made = selection_from(None, {"since": NOON, "until": datetime(2026, 3, 1, 11, tzinfo=west)})

    assert made.since == NOON


def test_a_criterion_that_is_none_is_refused() -> None:
    """Given a misspelt criterion, When it is given, Then it is an error, no wider selection."""
    misspelt = {"type": "exposure"}

    with pytest.raises(TypeError, match="type"):
        selection_from(None, misspelt)  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [{"exposure"}, (each for each in ["exposure"]), ["exposure"]])
def test_names_come_in_any_collection(names: object) -> None:
    """Given a set, a generator or a list, When it is a criterion, Then its names are."""
    assert selection_from(None, {"types": names}).types == ("exposure",)  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("criteria", "says"),
    [
        ({"types": 5}, r"types=5: expected names, as in types=\['a', 'b'\]"),
        ({"subjects": [1]}, r"subjects=\(1,\): expected names"),
        ({"experiments": b"a"}, "experiments=b'a': expected names"),
        ({"since": "2026"}, "since='2026': expected a datetime with a time zone"),
        ({"until": date(2026, 1, 1)}, r"until=datetime.date\(2026, 1, 1\): expected a datetime"),
        ({"correlation_id": 7}, "correlation_id=7: expected text, or None"),
        ({"checkpoint": 7}, "checkpoint=7: expected text that a reader gave"),
        ({"follow": "no"}, "follow='no': expected True or False"),
    ],
)
def test_a_criterion_of_another_type_is_told(criteria: Any, says: str) -> None:
    """Given a value of a wrong type, When it is a criterion, Then the error says what is right."""
    with pytest.raises(TypeError, match=says):
        selection_from(None, criteria)
