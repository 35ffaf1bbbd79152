"""The names of objects."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from experimentframework_core.plugin import Selection
from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_lake._objects import by_object, may_hold

NIGHT = datetime(2026, 11, 28, 23, 59, tzinfo=UTC)
MORNING = datetime(2026, 11, 29, 0, 0, tzinfo=UTC)
OBJECT = "type=exposure/date=2026-11-28/0_1_2.ndjson"


def test_a_batch_is_split_by_type_and_day() -> None:
    """Given events of two types and days, When named, Then each pair has a folder of its own."""
    batch = [
        make_record(make_exposure(), timestamp=NIGHT),
        make_record(make_outcome(), timestamp=NIGHT),
        make_record(make_exposure(), timestamp=MORNING),
        make_record(make_exposure(), timestamp=NIGHT),
    ]

    named = by_object(batch, ("type", "date"))

    assert [(name.rpartition("/")[0], len(records)) for name, records in named.items()] == [
        ("type=exposure/date=2026-11-28", 2),
        ("type=outcome/date=2026-11-28", 1),
        ("type=exposure/date=2026-11-29", 1),
    ]


def test_the_first_and_the_last_id_are_in_the_name() -> None:
    """Given a batch, When it is named, Then its first and last id are told, the others are not."""
    batch = [make_record() for _ in range(3)]

    (name,) = by_object(batch, ())

    assert name.startswith(f"{batch[0].event_id}_{batch[2].event_id}_")
    assert batch[1].event_id not in name


def test_the_same_batch_has_the_same_name() -> None:
    """Given a batch that is tried again, When it is named, Then the name is the same."""
    batch = [make_record() for _ in range(3)]

    first, again = by_object(batch, ("type",)), by_object([*batch], ("type",))

    assert first.keys() == again.keys()


def test_another_batch_between_the_same_ids_has_another_name() -> None:
    """Given a batch that lacks one in the middle, When named, Then it replaces no other object."""
    batch = [make_record() for _ in range(3)]

    whole, part = by_object(batch, ()), by_object([batch[0], batch[2]], ())

    assert whole.keys().isdisjoint(part.keys())


@pytest.mark.parametrize("event_id", ["../../etc/passwd", "A" * 128, ".", "a%2F*?[]"])
def test_an_id_cannot_leave_its_folder(event_id: str) -> None:
    """Given an id of any characters, When it is named, Then the name is plain and short."""
    record = make_record(event_id=event_id)

    (name,) = by_object([record], ())

    assert set(name) <= set("0123456789abcdef_")
    assert len(name) < 255


@pytest.mark.parametrize(
    ("selection", "may"),
    [
        (Selection(), True),
        (Selection(types=("outcome", "exposure")), True),
        (Selection(types=("outcome",)), False),
        (Selection(since=NIGHT), True),
        (Selection(since=MORNING), False),
        (Selection(until=NIGHT), True),
        (Selection(until=datetime(2026, 11, 27, 12, tzinfo=UTC)), False),
    ],
)
def test_folders_tell_what_cannot_be_in_them(selection: Selection, *, may: bool) -> None:
    """Given an object's folders, When events are selected, Then it is read only if it may help."""
    found = may_hold(OBJECT, selection)

    assert found is may


def test_an_object_without_folders_may_hold_anything() -> None:
    """Given an object of an unpartitioned lake, When events are selected, Then it is read."""
    selection = Selection(types=("outcome",), since=MORNING)

    assert may_hold("0_1_2.ndjson", selection)
