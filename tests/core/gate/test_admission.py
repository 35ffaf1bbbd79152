"""What publish takes is what the codec takes: the short way never lets through anything else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core import codec
from experimentframework_core._gate.gate import Gate, Rules
from experimentframework_core.config import DataPlaneOptions
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import (
    AssignmentPolicy,
    Exposure,
    Governance,
    GovernanceAction,
    Outcome,
    Payload,
    event,
    event_type_of,
)
from experimentframework_core.testing import make_exposure, make_outcome
from tests.core.event_strategies import (
    field_values,
    json_objects,
    own_registry,
    payload_types,
    payloads,
    payloads_of,
    without_wire_form,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT_ID = "0198c5a0-0000-7000-8000-000000000001"
RULES = Rules(DataPlaneOptions())


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Text(str):
    __slots__ = ()


class Names(StrEnum):
    CHECKOUT = "checkout"
    A = "a"
    U = "u"


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    with own_registry():
        yield


def seal(payload: Any, **more: Any) -> Record:
    """Seal the payload as a plane does that neither samples nor redacts."""
    registered = event_type_of(type(payload))
    assert registered is not None
    gate = Gate(registered, RULES, max_bytes=1 << 18)
    record = gate.seal(payload, EVENT_ID, more.get("correlation_id"), more.get("metadata"))
    assert record is not None
    return record


def _assert_explained(path: str, explained: InvalidEventError | None) -> None:
    assert path
    assert explained is not None


def check(payload: Any, **more: Any) -> None:
    """Assert that sealing the payload ends as the codec would have it."""
    registered = event_type_of(type(payload))
    assert registered is not None
    try:
        record = seal(payload, **more)
    except InvalidEventError as error:
        whole = Envelope(
            event_id=EVENT_ID,
            timestamp=datetime(2026, 1, 1, tzinfo=UTC),
            event_type=registered.name,
            schema_version=registered.version,
            payload=payload,
            **more,
        )
        path = error.path
        explained = codec.explain(payload) or codec.explain(whole)
        _assert_explained(path, explained)
        return
    envelope = codec.decode(record.body)
    assert codec.encode(envelope) == record.body
    assert codec.explain(payload) is None
    assert codec.encode_record(envelope) == record
    assert (envelope.event_id, envelope.event_type) == (EVENT_ID, registered.name)
    assert envelope.schema_version == registered.version
    written = Envelope(
        event_id=EVENT_ID,
        timestamp=envelope.timestamp,
        event_type=registered.name,
        schema_version=registered.version,
        payload=payload,
        **more,
    )
    assert codec.encode(written) == record.body
    if isinstance(stamp := getattr(payload, "timestamp", None), datetime):
        assert envelope.timestamp == stamp


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


NAMES_OF_GENERATED_CODE = (
    "event", "type", "len", "dict", "str", "int", "bool", "float", "key", "value", "body", "encode",
    "version", "event_type", "event_id", "traceparent", "metadata", "carefully", "datetime", "now",
    "record", "is_plain", "result", "self", "seal", "range", "isinstance", "sealed", "max_bytes",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES_OF_GENERATED_CODE)
def test_a_field_may_have_any_name(name: str) -> None:
    """Given a payload with a field of a common name, when it is sealed, nothing is mixed up."""
    fields: list[Any] = [(name, str), ("attributes", dict[str, Any] | None, None), ("other", str)]
    kind = msgspec.defstruct("Custom", fields, frozen=True, kw_only=True, rename="camel")
    event("customName")(kind)

    payload = kind(**{name: "mine", "other": "last", "attributes": {"a": 1}})

    check(payload, metadata={"host": "a"}, correlation_id="c-1")


def test_a_field_may_be_named_as_a_keyword() -> None:
    """Given a payload with a field named ``class``, when it is sealed, then it is written."""
    kind = msgspec.defstruct("Custom", [("class", str)], frozen=True, rename="camel")
    event("customKeyword")(kind)

    check(kind("first"))


class Shop(StrEnum):
    EAST = "east"


class Level(Enum):
    LOW = 1
    HIGH = 2


class Purchase(Payload, frozen=True, kw_only=True):
    """A custom payload with a field of every kind."""

    experiment_name: str
    variant_key: str | None = None
    subject_id: str | None = None
    tenant_id: str
    amount: float
    count: int
    maybe: int | float | None = None
    shop: Shop
    level: Level | None = None
    paid: bool
    at: datetime
    attributes: dict[str, Any]


purchases = st.builds(
    Purchase,
    experiment_name=st.text(min_size=1, max_size=128) | without_wire_form,
    variant_key=st.none() | st.text(min_size=1, max_size=128) | without_wire_form,
    subject_id=st.none() | st.text(min_size=1, max_size=256) | without_wire_form,
    tenant_id=st.text(min_size=1, max_size=256),
    amount=st.floats() | st.integers() | without_wire_form,
    count=st.integers() | without_wire_form,
    maybe=st.none() | st.floats() | st.integers(),
    shop=st.sampled_from(Shop) | without_wire_form,
    level=st.none() | st.sampled_from(Level) | without_wire_form,
    paid=st.booleans() | without_wire_form,
    at=st.datetimes(timezones=st.just(UTC)) | without_wire_form,
    attributes=json_objects | without_wire_form,
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
@given(purchases)
def test_a_custom_event_ends_as_the_codec_would_have_it(purchase: Purchase) -> None:
    """Given a custom event with anything in it, when it is sealed, then the codec agrees."""
    event("purchaseOfTests", version="2.1.0")(Purchase)

    check(purchase)


def custom(name: str, *fields: Any, **settings: Any) -> Any:
    """Return a new registered payload class."""
    kind = msgspec.defstruct(
        name.title(), fields, frozen=True, kw_only=True, rename="camel", **settings
    )
    return event(name)(kind)


@pytest.mark.parametrize(
    ("fields", "settings", "values"),
    [
        ([("timestamp", int)], {}, {"timestamp": 5}),
        ([("timestamp", str)], {}, {"timestamp": "yesterday"}),
        ([("timestamp", datetime | None, None)], {}, {}),
        ([("subject_id", int)], {}, {"subject_id": 5}),
        ([("experiment_name", Shop)], {}, {"experiment_name": Shop.EAST}),
        ([("tenant_id", Shop)], {}, {"tenant_id": Shop.EAST}),
        ([("correlation_id", str)], {}, {"correlation_id": "mine"}),
        ([("variant_key", str), ("new_variant_key", str | None, None)], {}, {"variant_key": "v"}),
        (
            [("variant_key", str | None, None), ("new_variant_key", str | None, None)],
            {},
            {"variant_key": "v", "new_variant_key": "w"},
        ),
        ([("value", float)], {"tag": True}, {"value": float("nan")}),
        ([("value", float)], {"tag": "t"}, {"value": 1.0}),
        ([("subject_id", str)], {"array_like": True}, {"subject_id": "u"}),
        ([("number", Size)], {}, {"number": Size.LARGE}),
        ([("number", Size)], {}, {"number": 2}),
        ([("data", dict[str, Any])], {}, {"data": None}),
        ([("data", dict[str, Any])], {}, {"data": {"a": float("nan")}}),
        ([("data", dict[str, int])], {}, {"data": {"a": "text"}}),
        ([("items", list[int])], {}, {"items": [1, 2, 2**70]}),
        ([("anything", Any)], {}, {"anything": {"a": (1,)}}),
        ([("short", msgspec.UnsetType | str, msgspec.UNSET)], {}, {}),
        ([], {}, {}),
    ],
)
def test_an_unusual_custom_type_ends_as_the_codec_would_have_it(
    fields: list[Any], settings: dict[str, Any], values: dict[str, Any]
) -> None:
    """Given an unusual payload class, when its event is sealed, then the codec agrees."""
    kind = custom("unusual", *fields, **settings)

    check(kind(**values), correlation_id="c-1")


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
