"""Every version of an event is read, typed as the newest where that can be done."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003 - msgspec reads the annotation

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core._codec.reading import _decode_any, _decode_canonical
from experimentframework_core.codec import decode, decode_record, encode, explain
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import Exposure, Payload, event
from experimentframework_core.schemas import upcast
from tests.core.event_strategies import envelope_of, envelopes, own_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.envelope import Envelope

moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """A line of an order."""

    unit_price: float
    sold_at: datetime


class Order(Payload, frozen=True, kw_only=True):
    """An application's own event, with more types than the built-in ones."""

    subject_id: str
    lines: list[Line] = msgspec.field(default_factory=list)
    first: Line | None = None
    by_day: dict[date, float] = msgspec.field(default_factory=dict)
    total: Decimal = Decimal(0)
    reference: UUID | None = None
    ratio: float | None = None


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    with own_registry():
        yield


def exposure(**more: object) -> Exposure:
    fields: dict[str, Any] = {
        "experiment_name": "checkout",
        "variant_key": "express",
        "subject_id": "u-42",
        "timestamp": moment,
        "selection_reason": "hash-assignment",
    }
    return Exposure(**(fields | more))


def body_of(name: str, version: str, payload: object, **more: object) -> bytes:
    fields = {
        "eventId": "1",
        "timestamp": "2026-01-02T03:04:05.678901Z",
        "eventType": name,
        "schemaVersion": version,
        "payload": payload,
    }
    return msgspec.json.encode(fields | more)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(envelopes)
def test_the_quick_way_and_the_patient_way_read_the_same(envelope: Envelope) -> None:
    """Given canonical bytes, when read in both ways, then both give the same envelope."""
    body = encode(envelope)

    quick, patient = _decode_canonical(body), _decode_any(body, strict=True)

    assert quick == patient


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b",", b", ", 1),
        lambda body: body.replace(b'"checkout"', b'"\\u0063heckout"'),
        lambda body: body.replace(b"678901Z", b"678901+00:00"),
        lambda body: body[:-1] + b',"newField":1}',
        lambda body: body.replace(b'"isRepeatExposure":false', b'"newField":1'),
        lambda body: body.replace(b'"isRepeatExposure":false', b'"tenantId":null'),
        lambda body: body.replace(b'"eventType":"exposure"', b'"eventType":"Exposure"'),
    ],
)
def test_the_quick_way_leaves_other_forms_to_the_patient_way(change: Any) -> None:
    """Given another form of an event, when read quickly, then it is not; decode reads it."""
    body = change(encode(envelope_of(exposure())))

    quick, read = _decode_canonical(body), decode(body, strict=True)

    assert quick is None
    assert isinstance(read.payload, Exposure)


def test_text_is_read_like_bytes() -> None:
    """Given a body as text, when decoded, then it is the same event."""
    body = encode(envelope_of(exposure(subject_id="Jürgen 🦆")))

    envelope = decode(body.decode())

    assert envelope == decode(body)


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        (b"", "", "not JSON"),
        (b"{", "", "not JSON"),
        (b'{"a": NaN}', "", "not JSON"),
        (b'{"a": "\xff"}', "", "not JSON"),
        ("\ud800", "", "not JSON"),
        (b"[" * 10_000, "", "not JSON"),
        (b"[]", "", "a JSON object is needed, not an array"),
        (b"null", "", "a JSON object is needed, not null"),
        (b"12", "", "a JSON object is needed, not a number"),
        (b"{}", "eventId", "missing"),
        (body_of("exposure", "1.0.0", {}, eventId=7), "eventId", "got `int`"),
        (body_of("exposure", "1.0.0", {}, timestamp="noon"), "timestamp", "Invalid RFC3339"),
        (body_of("exposure", "1.0.0", {}, timestamp=None), "timestamp", "got `null`"),
        (body_of("exposure", "1.0.0", {}, eventType=None), "eventType", "got `null`"),
        (body_of("exposure", "1.0.0", {}, metadata=[]), "metadata", "got `array`"),
        (b'{"eventId":"1","timestamp":"2026-01-02T03:04:05Z"}', "eventType", "missing"),
        (body_of("exposure", "1.0.0", {})[:-14] + b"}", "payload", "missing"),
    ],
)
def test_what_is_no_envelope_is_refused(body: bytes | str, path: str, says: str) -> None:
    """Given bytes that are no envelope, when decoded, then the error names the field."""
    with pytest.raises(InvalidEventError) as caught:
        decode(body)

    assert caught.value.path == path
    assert says in str(caught.value)


def test_a_time_without_a_zone_is_utc() -> None:
    """Given times without a zone, when decoded, then they are in UTC."""
    payload = msgspec.to_builtins(exposure()) | {"timestamp": "2026-01-02T03:04:05"}
    body = body_of("exposure", "1.0.0", payload, timestamp="2026-01-02T03:04:05")

    envelope = decode(body, strict=True)

    assert envelope.timestamp == moment.replace(microsecond=0)
    assert envelope.payload.timestamp == moment.replace(microsecond=0)


@pytest.mark.parametrize("version", ["1.4.0", "1.0.9"])
def test_a_newer_minor_version_is_typed_and_its_new_fields_are_kept(version: str) -> None:
    """Given fields of a newer minor version, when decoded and encoded, then nothing is lost."""
    payload = msgspec.to_builtins(exposure()) | {"isRepeatExposure": False, "device": {"os": "x"}}
    body = body_of("exposure", version, payload, region="eu")

    envelope = decode(body, strict=True)

    assert envelope.payload == exposure()
    assert envelope.schema_version == version
    assert envelope.extra == {"region": "eu", "payload": {"device": {"os": "x"}}}
    assert msgspec.json.decode(encode(envelope)) == msgspec.json.decode(body)


def test_a_newer_minor_version_in_canonical_form_keeps_its_bytes() -> None:
    """Given canonical bytes whose new fields stand last, when encoded again, then equal bytes."""
    body = encode(envelope_of(exposure())).replace(
        b'"isRepeatExposure":false}', b'"isRepeatExposure":false,"device":"x","n":1.0}'
    )
    body = body.replace(b'"1.0.0"', b'"1.1.0"')[:-1] + b',"region":"eu"}'

    envelope = decode(body)

    assert encode(envelope) == body


@pytest.mark.parametrize(
    ("name", "version"),
    [("exposure", "2.0.0"), ("exposure", "0.9.0"), ("exposure", "one"), ("unheardOf", "1.0.0")],
)
def test_an_unknown_type_or_major_version_is_kept_as_the_plain_value(
    name: str, version: str
) -> None:
    """Given what this version cannot type, when decoded and encoded, then the bytes are equal."""
    body = body_of(name, version, {"a": [1, 2.5, None], "experimentName": "checkout"})

    envelope = decode(body, strict=True)

    assert envelope.payload == {"a": [1, 2.5, None], "experimentName": "checkout"}
    assert (envelope.event_type, envelope.schema_version) == (name, version)
    assert encode(envelope) == body


@pytest.mark.parametrize("payload", [None, 5, "text", [], True])
def test_a_payload_that_is_no_object_is_kept_unless_strict(payload: object) -> None:
    """Given a payload that is no object, when decoded, then it is plain, or refused if strict."""
    body = body_of("exposure", "1.0.0", payload)

    envelope = decode(body)

    assert envelope.payload == payload
    with pytest.raises(InvalidEventError, match=r"^payload: a JSON object is needed, not "):
        decode(body, strict=True)


def register_purchase(version: str) -> type[Payload]:
    @event("purchase", version=version)
    class Purchase(Payload, frozen=True, kw_only=True):
        subject_id: str
        amount: float
        currency: str | None = None

    return Purchase


def test_an_older_minor_version_is_read_as_the_newest() -> None:
    """Given a payload of an older minor version, when decoded, then it has the newest version."""
    purchase = register_purchase("1.2.0")
    body = body_of("purchase", "1.0.0", {"subjectId": "u", "amount": 5.0})

    envelope = decode(body, strict=True)

    assert envelope.payload == purchase(subject_id="u", amount=5.0)
    assert envelope.schema_version == "1.2.0"


def register_steps() -> None:
    @upcast("purchase", "1.0.0", "2.0.0")
    def _split_amount(payload: dict[str, Any]) -> dict[str, Any]:
        amount, currency = payload.pop("price").split(" ")
        return {**payload, "amount": float(amount), "currency": currency}

    @upcast("purchase", "2.0.0", "3.0.0")
    def _rename_subject(payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "subjectId": payload.pop("user")}


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        ("1.0.0", {"user": "u", "price": "5 EUR"}),
        ("1.3.0", {"user": "u", "price": "5 EUR"}),
        ("2.0.0", {"user": "u", "amount": 5.0, "currency": "EUR"}),
        ("3.0.0", {"subjectId": "u", "amount": 5.0, "currency": "EUR"}),
    ],
)
def test_a_chain_of_upcasts_leads_to_the_newest(version: str, payload: dict[str, Any]) -> None:
    """Given any older version, when decoded, then its chain of upcasts was applied."""
    purchase = register_purchase("3.0.0")
    register_steps()
    body = body_of("purchase", version, payload)

    envelope = decode(body, strict=True)

    assert envelope.payload == purchase(subject_id="u", amount=5.0, currency="EUR")
    assert envelope.schema_version == "3.0.0"
    assert decode(encode(envelope)) == envelope


def test_an_upcast_that_fails_loses_nothing() -> None:
    """Given an upcast that raises, when decoded, then it is plain, or refused if strict."""
    register_purchase("3.0.0")
    register_steps()
    body = body_of("purchase", "1.0.0", {"user": "u", "price": "free"})

    envelope = decode(body)

    assert envelope.payload == {"user": "u", "price": "free"}
    assert envelope.schema_version == "1.0.0"
    with pytest.raises(InvalidEventError, match=r"upcast from purchase 1\.0\.0 failed"):
        decode(body, strict=True)


orders = st.builds(
    Order,
    subject_id=st.text(min_size=1, max_size=256),
    lines=st.lists(
        st.builds(
            Line,
            unit_price=st.integers(-100, 100) | st.floats(-1e6, 1e6),
            sold_at=st.datetimes(
                timezones=st.just(timezone(timedelta(hours=2))),
                min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
            ),
        ),
        max_size=3,
    ),
    by_day=st.dictionaries(st.dates(), st.integers(0, 9) | st.floats(0, 1), max_size=2),
    total=st.decimals(allow_nan=False, allow_infinity=False, places=2),
    reference=st.none() | st.uuids(),
    ratio=st.none() | st.integers(0, 1) | st.floats(0, 1),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders)
def test_an_event_of_your_own_is_read_back_equal(order: Order) -> None:
    """Given a registered class with richer types, when encoded and decoded, then it is equal."""
    with own_registry():
        event("order")(Order)
        envelope = envelope_of(order)

        body = encode(envelope)

        assert decode(body, strict=True) == envelope
        assert encode(decode(body)) == body


@pytest.mark.parametrize(
    ("order", "path"),
    [
        (Order(subject_id=5), "subject_id"),  # type: ignore[arg-type]
        (Order(subject_id="x" * 257), "subject_id"),
        (Order(subject_id="u", lines=[Line(float("nan"), moment)]), "lines[0].unit_price"),
        (
            Order(subject_id="u", lines=[Line(1.0, moment.replace(tzinfo=None))]),
            "lines[0].sold_at",
        ),
        (Order(subject_id="u", first=Line("1", moment)), "first.unit_price"),  # type: ignore[arg-type]
        (Order(subject_id="u", total=Decimal("NaN")), "total"),
        (Order(subject_id="u", reference="not-a-uuid"), "reference"),  # type: ignore[arg-type]
    ],
)
def test_explain_finds_the_fault_in_an_event_of_your_own(order: Order, path: str) -> None:
    """Given a wrong value deep in an own type, when explained, then its path is named."""
    event("order")(Order)

    fault = explain(order)

    assert fault is not None
    assert fault.path == path


def test_times_deep_in_an_event_of_your_own_are_read_in_utc() -> None:
    """Given a foreign zone deep in a payload, when decoded, then it is UTC, as elsewhere."""
    event("order")(Order)
    line = {"unitPrice": 1.0, "soldAt": "2026-01-02T05:00:00+02:00"}
    body = body_of("order", "1.0.0", {"subjectId": "u", "lines": [line]})

    envelope = decode(body, strict=True)

    assert envelope.payload.lines[0].sold_at.tzinfo is UTC


def test_new_fields_of_inner_objects_are_kept() -> None:
    """Given a new field inside an inner object, when decoded and encoded, then it is kept."""
    event("order")(Order)
    first = {"unitPrice": 1.0, "soldAt": "2026-01-02T05:00:00Z", "discount": 0.5}
    body = body_of("order", "1.1.0", {"subjectId": "u", "first": first})

    envelope = decode(body, strict=True)

    assert envelope.extra == {"payload": {"first": {"discount": 0.5}}}
    assert encode(envelope) == body


def test_a_class_registered_again_is_the_one_that_is_read() -> None:
    """Given a type that was read before, when registered again, then the new class is read."""
    body = body_of("purchase", "1.0.0", {"subjectId": "u", "amount": 5.0})
    register_purchase("1.0.0")
    decode(body)
    again = register_purchase("1.0.0")

    envelope = decode(body)

    assert type(envelope.payload) is again


@pytest.mark.parametrize("event_id", ["", 'a"b', "a\\b", "a b", "a\nb", "é", "a" * 129])
def test_an_id_that_is_never_written_is_read_by_nobody(event_id: str) -> None:
    """Given such an id, When the body is read as an event or a record, Then both refuse it."""
    body = body_of("exposure", "1.0.0", {}, eventId=event_id)

    for read in (decode, decode_record):
        with pytest.raises(InvalidEventError, match="is not 1 to 128 printable ASCII"):
            read(body)
