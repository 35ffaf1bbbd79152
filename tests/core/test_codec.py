"""Events are written in one form, and what cannot be written is refused with its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core.codec import (
    decode,
    decode_record,
    encode,
    encode_record,
    explain,
    max_depth,
)
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import (
    Assignment,
    AssignmentPolicy,
    Exposure,
    Outcome,
    OutcomeType,
    Payload,
    event_type_of,
    routing_limits,
)
from tests.core.event_strategies import (
    envelope_of,
    envelopes,
    json_objects,
    payloads,
    without_wire_form,
)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def exposure(**more: object) -> Exposure:
    fields: dict[str, Any] = {
        "experiment_name": "checkout",
        "variant_key": "express",
        "subject_id": "u-42",
        "timestamp": moment,
        "selection_reason": "hash-assignment",
    }
    return Exposure(**(fields | more))


def outcome(value: float) -> Outcome:
    return Outcome(
        experiment_name="checkout",
        subject_id="u-42",
        outcome_type=OutcomeType.BINARY,
        name="bought",
        value=value,
        timestamp=moment,
    )


@unhurried
@given(envelopes)
def test_decode_gives_back_what_was_encoded(envelope: Envelope) -> None:
    """Given any event, when it is encoded and decoded, then it is equal, and so are the bytes."""
    body = encode(envelope)

    read = decode(body, strict=True)

    assert read == envelope
    assert encode(read) == body


def test_the_wire_form_is_pinned() -> None:
    """Given an exposure with an optional left out, when encoded, then this is the exact text."""
    envelope = envelope_of(
        exposure(
            timestamp=datetime(2026, 1, 2, 5, tzinfo=timezone(timedelta(hours=2))),
            assignment_policy=AssignmentPolicy.SUBJECT_STICKY,
            attributes={"price": 12.0, "ort": "Köln", "tags": []},
        ),
        correlation_id="order-7",
    )

    body = encode(envelope)

    assert body.decode() == (
        '{"eventId":"0198c5a0-0000-7000-8000-000000000001",'
        '"timestamp":"2026-01-02T03:04:05.678901Z","eventType":"exposure",'
        '"schemaVersion":"1.0.0","payload":{"experimentName":"checkout",'
        '"variantKey":"express","subjectId":"u-42","timestamp":"2026-01-02T03:00:00Z",'
        '"selectionReason":"hash-assignment","assignmentPolicy":"subjectSticky",'
        '"isRepeatExposure":false,"attributes":{"price":12.0,"ort":"Köln","tags":[]}},'
        '"correlationId":"order-7"}'
    )


@pytest.mark.parametrize(("given_value", "written"), [(1, b"1.0"), (True, b"1.0"), (0, b"0.0")])
def test_a_whole_number_is_written_as_the_float_that_it_is_read_as(
    given_value: float, written: bytes
) -> None:
    """Given an int or a bool for a float field, when encoded, then it is a float."""
    envelope = envelope_of(outcome(given_value))

    body = encode(envelope)

    assert b'"value":' + written + b"," in body


@unhurried
@given(payloads, without_wire_form, st.data())
def test_explain_is_silent_exactly_when_the_event_survives(
    payload: msgspec.Struct, value: object, data: st.DataObject
) -> None:
    """Given a payload with one field replaced, when explained, then it says what a trial shows."""
    fields = msgspec.structs.fields(payload)
    field = data.draw(st.sampled_from(fields))
    changed = msgspec.structs.replace(payload, **{field.name: value})

    fault = explain(changed)

    assert (fault is None) == (survives(changed) and routing_is_right(changed))
    if fault:
        assert fault.path.startswith(field.name)


@unhurried
@given(payloads, json_objects, without_wire_form)
def test_explain_names_the_place_in_free_attributes(
    payload: msgspec.Struct, attributes: dict[str, Any], value: object
) -> None:
    """Given a value deep in free data, when it does not survive, then its place is named."""
    name = "data" if hasattr(payload, "data") else "attributes"
    free = {**attributes, "deep": [{"place": value}]}
    changed = msgspec.structs.replace(payload, **{name: free})

    fault = explain(changed)

    assert (fault is None) == survives(changed)
    if fault:
        assert fault.path.startswith(f"{name}.deep[0].place")


def survives(payload: msgspec.Struct) -> bool:
    """Try it with msgspec alone: is the payload equal after writing and reading?"""
    registered = event_type_of(type(payload))
    assert registered is not None
    try:
        read = decode(msgspec.json.encode(envelope_of(payload)))
    except (TypeError, ValueError, InvalidEventError):
        return False
    return bool(read.payload == payload)


def routing_is_right(payload: msgspec.Struct) -> bool:
    return all(
        value is None or (isinstance(value, str) and 0 < len(value) <= routing_limits[name])
        for name in payload.__struct_fields__
        if name in routing_limits
        for value in [getattr(payload, name)]
    )


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"subject_id": 5}, "subject_id", "expected text, got int"),
        ({"subject_id": ""}, "subject_id", "0 characters; it takes 1 to 256"),
        ({"experiment_name": "x" * 129}, "experiment_name", "129 characters; it takes 1 to 128"),
        ({"variant_key": None}, "variant_key", "expected `str`, got `null`"),
        ({"timestamp": datetime(2026, 1, 1)}, "timestamp", "has no zone"),  # noqa: DTZ001
        (
            {"timestamp": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))},
            "timestamp",
            "out of range in UTC",
        ),
        ({"is_repeat_exposure": 1}, "is_repeat_exposure", "expected `bool`, got `int`"),
        ({"assignment_policy": "none"}, "assignment_policy", "nvalid enum value 'none'"),
        ({"attributes": {"a": float("nan")}}, "attributes.a", "nan is not finite"),
        ({"attributes": {"a": [1, (2,)]}}, "attributes.a[1]", "read back as a list"),
        ({"attributes": {"a": {2: 1}}}, "attributes.a", "the key 2 is not text"),
        ({"attributes": {"a b": b""}}, "attributes['a b']", "bytes has no JSON form"),
        ({"attributes": {"a": moment}}, "attributes.a", "as its isoformat()"),
        ({"attributes": {"a": "\ud800"}}, "attributes.a", "half of a surrogate pair"),
        ({"attributes": {"\ud800": 1}}, "attributes", "half of a surrogate pair"),
        ({"attributes": {"a": 10**5000}}, "attributes.a", "Exceeds the limit (4300 digits)"),
        ({"attributes": []}, "attributes", "expected `object | null`, got `array`"),
    ],
)
def test_explain_says_what_is_wrong_and_where(change: dict[str, Any], path: str, says: str) -> None:
    """Given an exposure with one wrong field, when explained, then the path and reason are told."""
    event = exposure(**change)

    fault = explain(event)

    assert fault is not None
    assert fault.path == path
    assert says in str(fault)


def test_a_whole_number_that_is_no_float_is_told_with_the_range() -> None:
    """Given a whole number beyond the exact ones, when explained, then the range is told."""
    event = Outcome(
        experiment_name="checkout",
        subject_id="u-1",
        outcome_type=OutcomeType.COUNT,
        name="clicks",
        value=2**53 + 1,
    )

    fault = explain(event)

    assert fault is not None
    assert fault.path == "value"
    assert "no float exactly, as whole numbers up to 2^53 are" in str(fault)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"event_id": ""}, "event_id"),
        ({"event_id": "with space"}, "event_id"),
        ({"event_id": 'with"quote'}, "event_id"),
        ({"event_id": "x" * 129}, "event_id"),
        ({"event_id": "ü"}, "event_id"),
        ({"event_id": 7}, "event_id"),
        ({"timestamp": datetime(2026, 1, 1)}, "timestamp"),  # noqa: DTZ001
        ({"timestamp": "2026-01-01T00:00:00Z"}, "timestamp"),
        ({"event_type": "outcome"}, "event_type"),
        ({"schema_version": "0.9.0"}, "schema_version"),
        ({"schema_version": "2.0.0"}, "schema_version"),
        ({"schema_version": "one"}, "schema_version"),
        ({"correlation_id": ""}, "correlation_id"),
        ({"correlation_id": "x" * 257}, "correlation_id"),
        ({"metadata": {"a": float("inf")}}, "metadata.a"),
        ({"traceparent": b"00"}, "traceparent"),
        ({"extra": []}, "extra"),
        ({"extra": {}}, "extra"),
        ({"extra": {"eventId": "2"}}, "extra"),
        ({"payload": object()}, "payload"),
        ({"payload": exposure(attributes={"a": {1}})}, "payload.attributes.a"),
    ],
)
def test_encode_refuses_what_has_no_canonical_form(change: dict[str, Any], path: str) -> None:
    """Given an envelope with one wrong field, when encoded, then the error has its path."""
    envelope = msgspec.structs.replace(envelope_of(exposure()), **change)

    with pytest.raises(InvalidEventError) as caught:
        encode(envelope)

    assert caught.value.path == path
    assert str(explain(envelope)) == str(caught.value)


def test_a_class_that_is_not_registered_is_refused_with_its_mend() -> None:
    """Given a payload of an unregistered class, when explained, then it says to decorate it."""

    class Unregistered(Payload, frozen=True):
        pass

    fault = explain(Unregistered())

    assert str(fault) == (
        'Unregistered is not a registered event type; decorate the class with @event("name")'
    )


def test_nesting_ends_at_the_depth_that_common_readers_take() -> None:
    """Given data that is nested one level too deep, when explained, then that place is named."""
    free: Any = {}
    for _ in range(max_depth - 3):
        free = {"a": free}

    allowed, refused = exposure(attributes=free), exposure(attributes={"a": free})

    assert explain(allowed) is None
    assert (fault := explain(refused)) is not None
    assert fault.path == "attributes" + ".a" * (max_depth - 2)


def test_data_that_holds_itself_is_refused() -> None:
    """Given a cycle, when explained, then it ends."""
    free: dict[str, Any] = {}
    free["self"] = free

    fault = explain(exposure(attributes=free))

    assert fault is not None
    assert f"nested deeper than {max_depth} levels" in str(fault)


def test_encode_record_takes_the_routing_fields_from_the_payload() -> None:
    """Given an exposure, when encoded as a record, then routing needs no decoding."""
    envelope = envelope_of(exposure(tenant_id="acme"), correlation_id="order-7", traceparent="00-1")

    record = encode_record(envelope)

    assert record.body == encode(envelope)
    assert (record.event_type, record.schema_version) == ("exposure", "1.0.0")
    assert (record.experiment, record.variant) == ("checkout", "express")
    assert (record.subject, record.tenant) == ("u-42", "acme")
    assert (record.correlation_id, record.traceparent) == ("order-7", "00-1")


def test_an_assignment_is_routed_by_its_new_variant() -> None:
    """Given an assignment, when encoded as a record, then its variant is the new one."""
    assignment = Assignment(
        experiment_name="checkout",
        subject_id="u-42",
        previous_variant_key="control",
        new_variant_key="express",
        change_reason="rebalanced",
    )

    record = encode_record(envelope_of(assignment))

    assert record.variant == "express"


@unhurried
@given(envelopes)
def test_decode_record_gives_the_same_record_without_touching_the_bytes(
    envelope: Envelope,
) -> None:
    """Given canonical bytes, when read as a record, then it is the one that was encoded."""
    record = encode_record(envelope)

    read = decode_record(record.body)

    assert read == record
    assert read.body is record.body


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        (b'"metadata":{"a":1}', b'"metadata":[1]'),
        (b'"timestamp":"2026-', b'"timestamp":"2026-19-'),
        (b'"correlationId":"c"', b'"correlationId":7'),
        (b'"payload":{', b'"payload":{"name":"\xff"'),
    ],
)
def test_what_cannot_be_decoded_is_no_record_either(was: bytes, is_now: bytes) -> None:
    """Given an envelope's field that is wrong, when read as a record, then that is refused."""
    made = Envelope(
        event_id="e-1",
        timestamp=datetime(2026, 3, 1, tzinfo=UTC),
        event_type="exposure",
        schema_version="1.0.0",
        payload={},
        metadata={"a": 1},
        correlation_id="c",
    )
    body = encode(made).replace(was, is_now).replace(b"-19-03-01", b"-19-01")
    assert body != encode(made)

    for read in (decode, decode_record):
        with pytest.raises(InvalidEventError):
            read(body)


@pytest.mark.parametrize("payload", [None, 7, "text", [1], {"experimentName": 7, "subjectId": ""}])
def test_a_payload_without_routing_fields_has_none(payload: object) -> None:
    """Given an unknown type with any JSON payload, when read as a record, then nothing is lost."""
    envelope = msgspec.structs.replace(
        envelope_of(exposure()), event_type="unheardOf", payload=payload
    )

    record = encode_record(envelope)

    assert decode_record(record.body) == record
    assert (record.experiment, record.variant, record.subject) == (None, None, None)


def test_a_plain_payload_is_routed_by_its_wire_names() -> None:
    """Given an unknown type, when encoded as a record, then known routing keys are used."""
    payload = {"experimentName": "e", "variantKey": "v", "subjectId": "s", "tenantId": "t"}
    envelope = msgspec.structs.replace(
        envelope_of(exposure()), event_type="unheardOf", payload=payload
    )

    record = encode_record(envelope)

    assert (record.experiment, record.variant, record.subject, record.tenant) == tuple("evst")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"eventId":"1"}'])
def test_decode_record_refuses_what_is_not_an_event(body: bytes) -> None:
    """Given bytes that are no event, when read as a record, then it is an InvalidEventError."""
    with pytest.raises(InvalidEventError):
        decode_record(body)


def test_decode_record_refuses_a_canonical_start_with_a_broken_rest() -> None:
    """Given a cut body, when read as a record, then it is an InvalidEventError."""
    body = encode(envelope_of(exposure()))

    with pytest.raises(InvalidEventError, match="not an event envelope"):
        decode_record(body[:-1])
