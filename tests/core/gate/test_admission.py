"""What publish takes is what the codec takes: the short way never lets through anything else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core import codec
from experimentframework_core._gate.gate import Gate
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import (
    AssignmentPolicy,
    Exposure,
    Governance,
    GovernanceAction,
    Outcome,
    event_type_of,
)
from experimentframework_core.testing import make_exposure, make_outcome
from tests.core.event_strategies import (
    field_values,
    json_objects,
    payload_types,
    payloads,
    payloads_of,
    without_wire_form,
)
from tests.core.gate._sealing import EVENT_ID, RULES, check, seal


class Text(str):
    __slots__ = ()


class Names(StrEnum):
    CHECKOUT = "checkout"
    A = "a"
    U = "u"


def ill_typed(payload: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Return payloads of one class of which any field may hold anything."""
    fields = msgspec.structs.fields(payload)
    values = {
        field.name: field_values(field) | without_wire_form | json_objects for field in fields
    }
    required = {field.name: values[field.name] for field in fields if field.required}
    optional = {field.name: values[field.name] for field in fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda kw: payload(**kw))


def with_one_wrong_field(payload: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Return payloads of one class of which one field holds something without a wire form."""
    names = st.sampled_from([field.name for field in msgspec.structs.fields(payload)])
    return st.builds(
        lambda good, name, wrong: msgspec.structs.replace(good, **{name: wrong}),
        payloads_of(payload),
        names,
        without_wire_form,
    )


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(payloads, st.none() | json_objects, st.none() | st.text(min_size=1, max_size=256))
def test_every_good_event_is_written_as_the_codec_writes_it(
    payload: msgspec.Struct, metadata: dict[str, Any] | None, correlation_id: str | None
) -> None:
    """Given a good event of any built-in type, when sealed, then the bytes are the codec's."""
    check(payload, metadata=metadata, correlation_id=correlation_id)


@pytest.mark.parametrize("payload", payload_types, ids=lambda payload: payload.__name__)
def test_an_event_with_one_wrong_field_ends_as_the_codec_would_have_it(
    payload: type[msgspec.Struct],
) -> None:
    """Given one field that may have no wire form, when it is sealed, then the codec agrees."""

    @settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
    @given(with_one_wrong_field(payload))
    def holds(event: msgspec.Struct) -> None:
        check(event)

    holds()


@pytest.mark.parametrize("payload", payload_types, ids=lambda payload: payload.__name__)
def test_an_ill_typed_event_ends_as_the_codec_would_have_it(payload: type[msgspec.Struct]) -> None:
    """Given anything in any field, when it is sealed, then the codec agrees."""

    @settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
    @given(ill_typed(payload))
    def holds(event: msgspec.Struct) -> None:
        check(event)

    holds()


@settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.dictionaries(st.text(max_size=5) | st.integers(), without_wire_form, max_size=3))
def test_free_fields_and_metadata_end_as_the_codec_would_have_it(values: dict[Any, Any]) -> None:
    """Given anything inside a free field or the metadata, when it is sealed, the codec agrees."""
    check(make_exposure(attributes=values))
    check(make_exposure(), metadata=values)
    check(make_exposure(attributes={"list": [values], "deep": {"deeper": values}}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("experiment_name", ""),
        ("experiment_name", "x" * 129),
        ("variant_key", "x" * 129),
        ("variant_key", ["unhashable"]),
        ("variant_key", None),
        ("subject_id", "x" * 257),
        ("subject_id", ""),
        ("subject_id", 42),
        ("tenant_id", ""),
        ("selection_reason", "\ud800"),
        ("subject_id", "\udfff"),
        ("experiment_name", "\ud800"),
        ("timestamp", datetime(2026, 1, 1)),  # noqa: DTZ001 - that it is naive is the point
        ("timestamp", "2026-01-01T00:00:00Z"),
        ("assignment_policy", "best_effort"),
        ("is_repeat_exposure", 1),
        ("is_repeat_exposure", None),
        ("attributes", {1: "a"}),
        ("attributes", {"a": (1, 2)}),
        ("attributes", {"a": {1, 2}}),
        ("attributes", {"a": date(2026, 1, 1)}),
        ("attributes", {"a": datetime(2026, 1, 1, tzinfo=UTC)}),
        ("attributes", {"a": float("nan")}),
        ("attributes", {"a": {"b": [float("inf")]}}),
        ("attributes", {"a": {"\ud800": 1}}),
        ("attributes", {"a": object()}),
        ("attributes", [("a", 1)]),
    ],
)
def test_what_has_no_wire_form_is_refused_with_its_path(field: str, value: object) -> None:
    """Given a wrong value, when the event is sealed, then the error names the field."""
    event = make_exposure(**{field: value})

    with pytest.raises(InvalidEventError) as caught:
        seal(event)

    explained = codec.explain(event)
    assert explained is not None
    assert caught.value.path == explained.path
    assert caught.value.path.startswith(field)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, 10**400])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    """Given an outcome whose value is no finite number, when it is sealed, it is refused."""
    with pytest.raises(InvalidEventError) as caught:
        seal(make_outcome(value=value))

    assert caught.value.path == "value"


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=45)))},
        {"timestamp": datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(0)))},
        {"attributes": {}},
        {"attributes": {"nested": {"list": [1, 2.5, None, True, "x", {"y": []}]}}},
        {"attributes": {"largest": 2**64 - 1, "smallest": -(2**63), "tiny": 5e-324, "big": 1e300}},
        {"experiment_name": "x" * 128, "variant_key": "x" * 128, "subject_id": "x" * 256},
        {"subject_id": "naïve 🦆 \x00 \u2028"},
        {"assignment_policy": AssignmentPolicy.BEST_EFFORT},
    ],
)
def test_what_has_a_wire_form_is_written(changes: dict[str, Any]) -> None:
    """Given good values of every kind, when the event is sealed, it decodes to an equal one."""
    payload = make_exposure(**changes)

    record = seal(payload)

    assert codec.decode(record.body).payload == payload
    check(payload)


def test_a_whole_number_in_a_float_field_is_written_as_a_float() -> None:
    """Given an int for a float, when the event is sealed, then it is read back as the float."""
    payload = make_outcome(value=3)

    record = seal(payload)

    assert b'"value":3.0' in record.body
    assert codec.decode(record.body).payload == payload


@pytest.mark.parametrize("field", ["experiment_name", "subject_id", "selection_reason"])
def test_a_str_subclass_is_refused(field: str) -> None:
    """Given a field of a str subclass that is no enum, when sealed, then the error names it."""
    with pytest.raises(InvalidEventError) as caught:
        seal(make_exposure(**{field: Text("u")}))

    assert caught.value.path == field


def test_a_str_enum_is_written_as_its_text() -> None:
    """Given routing fields of a text enum, when sealed, then the record has plain text."""
    payload = make_exposure(experiment_name=Names.CHECKOUT, variant_key=Names.A, subject_id=Names.U)

    record = seal(payload)

    assert [type(field) for field in (record.experiment, record.variant, record.subject)] == [
        str,
        str,
        str,
    ]
    assert (record.experiment, record.variant, record.subject) == ("checkout", "a", "u")
    check(payload)


def test_names_seen_before_are_not_let_through_by_equality() -> None:
    """Given a name that was taken, when something equal but not text comes, then it is checked."""
    registered = event_type_of(Exposure)
    assert registered is not None
    gate = Gate(registered, RULES, max_bytes=1 << 18)
    gate.seal(make_exposure(experiment_name="checkout"), EVENT_ID, None, None)

    record = gate.seal(make_exposure(experiment_name=Names.CHECKOUT), EVENT_ID, None, None)

    assert record is not None
    assert type(record.experiment) is str


@pytest.mark.parametrize("name", ["x" * 129, "", 5, None, ["x"]])
def test_a_bad_name_is_refused_the_second_time_as_well(name: Any) -> None:
    """Given a bad name, when it comes twice, then it is refused twice."""
    registered = event_type_of(Exposure)
    assert registered is not None
    gate = Gate(registered, RULES, max_bytes=1 << 18)

    for _ in range(2):
        with pytest.raises(InvalidEventError) as caught:
            gate.seal(make_exposure(experiment_name=name), EVENT_ID, None, None)

        assert caught.value.path == "experiment_name"


def test_a_governance_events_own_version_is_not_the_schemas() -> None:
    """Given a governance event with a version, when it is sealed, then both versions are right."""
    payload = Governance(
        experiment_name="checkout", action=GovernanceAction.STARTED, actor="ann", version="7"
    )

    envelope = codec.decode(seal(payload).body)

    assert (envelope.schema_version, envelope.payload.version) == ("1.0.0", "7")


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"a": float("nan")}},
        {"metadata": {1: 2}},
        {"metadata": [("a", 1)]},
        {"metadata": "text"},
        {"metadata": {"\ud800": 1}},
        {"correlation_id": ""},
        {"correlation_id": "x" * 257},
        {"correlation_id": "\ud800"},
        {"correlation_id": 5},
    ],
)
def test_bad_metadata_and_correlation_ids_are_refused_with_their_path(more: dict[str, Any]) -> None:
    """Given wrong metadata or a wrong correlation id, when sealed, then the error names it."""
    with pytest.raises(InvalidEventError) as caught:
        seal(make_exposure(), **more)

    assert caught.value.path.startswith(next(iter(more)))


def test_nesting_has_a_limit_that_is_not_the_short_ways() -> None:
    """Given nested attributes, when sealed, then 40 levels are written and 100 are refused."""
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    check(make_exposure(attributes=deep))
    for _ in range(60):
        deep = {"a": deep}

    with pytest.raises(InvalidEventError, match="nested deeper"):
        seal(make_exposure(attributes=deep))


def test_attributes_that_hold_themselves_are_refused() -> None:
    """Given a dict that holds itself, when the event is sealed, then it is refused."""
    loop: dict[str, Any] = {}
    loop["again"] = [loop]

    with pytest.raises(InvalidEventError, match="nested deeper"):
        seal(make_exposure(attributes=loop))


def test_the_limit_of_an_events_size() -> None:
    """Given a limit, when an event is one byte longer, then it is refused with both figures."""
    registered = event_type_of(Outcome)
    assert registered is not None
    payload = make_outcome()
    size = len(seal(payload).body)

    fits = Gate(registered, RULES, max_bytes=size).seal(payload, EVENT_ID, None, None)
    with pytest.raises(InvalidEventError, match=f"{size} bytes.*{size - 1}.*maxEventBytes"):
        Gate(registered, RULES, max_bytes=size - 1).seal(payload, EVENT_ID, None, None)

    assert fits is not None
