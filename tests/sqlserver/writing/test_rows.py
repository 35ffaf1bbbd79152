"""What is inserted for a batch: the bodies as they are, and what no column is for beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_sqlserver._writing.rows import BOXED_FIELD, EXTRA_FIELD, rows_of

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def record(payload: object, **facts: Any) -> Record:
    event = {"event_id": "e-1", "event_type": "custom", "schema_version": "1.0.0"} | facts
    return encode_record(Envelope(timestamp=NOON, payload=payload, **event))


def element(batch: Record) -> dict[str, Any]:
    (found,) = json.loads(rows_of([batch]).json)
    return dict(found)


def test_bodies_are_joined_as_they_are() -> None:
    """Given records, When rows are made of them, Then the array has their very bodies."""
    records = make_records(3)

    rows = rows_of(records)

    bodies = sorted(record.body.decode() for record in records)
    assert rows.json.rstrip() == f"[{','.join(bodies)}]"


def test_each_id_stands_once_in_order() -> None:
    """Given an id twice and in disorder, When rows are made, Then each stands once, in order."""
    batch = [record({"n": n}, event_id=event_id) for n, event_id in enumerate("baab")]

    found = json.loads(rows_of(batch).json)

    assert [(each["eventId"], each["payload"]["n"]) for each in found] == [("a", 1), ("b", 0)]


def test_ids_that_differ_in_case_are_two() -> None:
    """Given ids that differ in case only, When rows are made, Then both are there."""
    found = json.loads(rows_of([record({}, event_id="a"), record({}, event_id="A")]).json)

    assert [each["eventId"] for each in found] == ["A", "a"]


def test_nothing_is_an_empty_array() -> None:
    """Given no records, When rows are made, Then they are an empty array."""
    assert json.loads(rows_of([]).json) == []


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_short_text_has_one_length(count: int) -> None:
    """Given few records, When rows are made, Then the text has the length of one prepared type."""
    assert len(rows_of(make_records(count)).json) == 4000


def test_unknown_fields_of_the_envelope_stand_together() -> None:
    """Given fields that a newer version wrote, When rows are made, Then one field holds them."""
    found = element(record({}, extra={"region": "eu", "more": {"a": [1, 2.5]}}))

    assert found[EXTRA_FIELD] == {"region": "eu", "more": {"a": [1, 2.5]}}
    assert "region" not in found


def test_unknown_fields_of_the_payload_stay_in_it() -> None:
    """Given a payload with a field more, When rows are made, Then the body is as it was."""
    newer = record({"subjectId": "u", "new": 1})

    assert element(newer) == json.loads(newer.body)


@pytest.mark.parametrize("payload", [5, None, True, 1.5, "x", 'a"b\\c', [], [{"subjectId": "u"}]])
def test_a_payload_that_is_no_object_is_boxed(payload: object) -> None:
    """Given a payload that is no object, When rows are made, Then it stands in a box of its own."""
    found = element(record(payload))

    assert found[BOXED_FIELD] == [payload]
    assert found["payload"] == {}


def test_a_box_and_unknown_fields_go_together() -> None:
    """Given both, When rows are made, Then both are there beside what is known."""
    found = element(record(5, extra={"region": "eu"}, correlation_id="c"))

    assert (found[BOXED_FIELD], found[EXTRA_FIELD]) == ([5], {"region": "eu"})
    assert found["correlationId"] == "c"


@pytest.mark.parametrize(
    ("other", "usual"),
    [
        (make_record(make_exposure(attributes={"a": "b" * 100})), True),
        (make_record(make_exposure(attributes={"a": "b" * 5000})), False),
        (record(5), False),
        (record({}, extra={"region": "eu"}), False),
    ],
    ids=["usual", "long", "boxed", "extra"],
)
def test_rows_tell_whether_all_are_usual(other: Record, *, usual: bool) -> None:
    """Given an event beside a usual one, When rows are made, Then they tell if both are."""
    assert rows_of([make_record(), other]).usual is usual


@pytest.mark.parametrize(
    ("payload", "facts", "reason"),
    [
        ({}, {"event_type": "c" * 129}, "its event type has 129 characters; the column takes 128"),
        ({}, {"schema_version": "1" * 33}, "its schema version has 33 characters"),
        ({}, {"traceparent": "0" * 65}, "its traceparent has 65 characters"),
        ({"experimentName": "😀" * 129}, {}, "its experiment name has 258 characters"),
        ({"variantKey": "v" * 257}, {}, "its variant key has 257 characters"),
        ({"subjectId": "s" * 513}, {}, "its subject id has 513 characters"),
        ({"tenantId": "t" * 513}, {}, "its tenant id has 513 characters"),
    ],
)
def test_what_has_no_place_is_refused_alone(
    payload: object, facts: dict[str, Any], reason: str
) -> None:
    """Given a text longer than its column, When rows are made, Then that record is refused."""
    batch = [record({}, event_id="good"), record(payload, **facts)]

    rows = rows_of(batch)

    assert list(rows.refused) == [1]
    assert reason in str(rows.refused[1])
    assert [each["eventId"] for each in json.loads(rows.json)] == ["good"]


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_what_publish_takes_has_a_place(letter: str) -> None:
    """Given the longest texts that publish takes, When rows are made, Then none is refused."""
    payload = {
        "experimentName": letter * 128,
        "variantKey": letter * 128,
        "subjectId": letter * 256,
        "tenantId": letter * 256,
    }

    assert not rows_of([record(payload, correlation_id=letter * 256)]).refused


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(payload=json_values, extra=st.dictionaries(st.text(min_size=9, max_size=12), json_values))
def test_every_event_is_there_whole(payload: object, extra: dict[str, object]) -> None:
    """Given any event, When rows are made, Then its payload and unknown fields are in them."""
    found = element(record(payload, extra=extra or None))

    boxed = found.get(BOXED_FIELD)
    assert (found["payload"] if boxed is None else boxed[0]) == payload
    assert found.get(EXTRA_FIELD, {}) == extra
