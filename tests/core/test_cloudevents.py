"""Events become CloudEvents 1.0 and come back; the CloudEvents SDK reads and writes the same."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event
from cloudevents.core.bindings.http import to_structured_event as to_structured_http
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from cloudevents.core.bindings.kafka import to_binary_event as to_binary_kafka
from cloudevents.core.bindings.kafka import to_structured_event as to_structured_kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core.cloudevents import (
    batch_content_type,
    content_type,
    from_batch,
    from_binary,
    from_structured,
    to_batch,
    to_binary,
    to_structured,
)
from experimentframework_core.codec import decode, decode_record, encode, encode_record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.testing import make_envelope, make_exposure
from tests.core.event_strategies import envelopes

if TYPE_CHECKING:
    from experimentframework_core.envelope import Envelope

unhurried = settings(deadline=None, max_examples=100, suppress_health_check=[*HealthCheck])
not_in_text = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\U0001fffe\U0010ffff]")
named = re.compile("[a-z0-9]{1,20}")
visible = re.compile("[\x21-\x7e]*")

envelope = make_envelope(
    make_exposure(subject_id="u-42", attributes={"ort": "Köln", "price": 12.0, "n": [1, None]}),
    event_id="0198c5a0-0000-7000-8000-000000000001",
    correlation_id="order 7, “späti” 100%",
    metadata={"samplingRate": 0.5, "büro": "🦆\x7f", "count": 1.0},
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
odd = [
    envelope,
    make_envelope(make_exposure(subject_id="line\nfeed"), correlation_id="tab\there"),
    make_envelope(make_exposure(), metadata={}, traceparent=""),
    msgspec.structs.replace(envelope, extra={"shard": 7, "payload": {"device": {"a": "\ufffe"}}}),
    msgspec.structs.replace(envelope, schema_version="2.0.0", payload={"a": [1, 2.0, "x"]}),
    msgspec.structs.replace(envelope, event_type="Audit log", schema_version="v 1:a", payload=None),
]


def written(event: Envelope = envelope, **changes: object) -> bytes:
    """Return an event as JSON, with some of its members replaced, or left out (...)."""
    document = json.loads(to_structured(event)) | changes
    return json.dumps({key: value for key, value in document.items() if value is not ...}).encode()


def headers_with(**changes: str) -> dict[str, str]:
    headers, _ = to_binary(envelope)
    return headers | {name.replace("_", "-"): value for name, value in changes.items()}


def test_the_structured_form_is_pinned() -> None:
    """Given an event, when written in JSON, then these are its members."""
    document = json.loads(to_structured(envelope, source="/shop", type_prefix="com.example.shop."))

    assert document == {
        "specversion": "1.0",
        "id": "0198c5a0-0000-7000-8000-000000000001",
        "source": "/shop",
        "type": "com.example.shop.exposure",
        "time": encode_record(envelope).body.split(b'"')[7].decode(),
        "datacontenttype": "application/json",
        "dataschema": "urn:experimentframework:exposure:1.0.0",
        "subject": "u-42",
        "correlationid": "order 7, “späti” 100%",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "metadata": '{"samplingRate":0.5,"b\\u00fcro":"\\ud83e\\udd86\\u007f","count":1.0}',
        "data": json.loads(encode(envelope))["payload"],
    }


def test_the_headers_are_pinned() -> None:
    """Given an event, when written with headers, then HTTP's are escaped, and Kafka's are not."""
    http, body = to_binary(envelope)
    kafka, value = to_binary(envelope, binding="kafka")

    assert http["ce-correlationid"] == "order%207,%20%E2%80%9Csp%C3%A4ti%E2%80%9D%20100%25"
    assert dict(kafka)["ce_correlationid"] == "order 7, “späti” 100%".encode()
    assert (http["content-type"], http["ce-id"]) == ("application/json", envelope.event_id)
    assert dict(kafka)["content-type"] == b"application/json"
    assert {name[3:] for name in http} == {name[3:] for name, _ in kafka}
    assert body == value == msgspec.json.encode(envelope.payload)


@unhurried
@given(envelopes | st.sampled_from(odd))
def test_nothing_is_lost_in_any_form(event: Envelope) -> None:
    """Given any event, when written in each form and read, then its bytes are the same."""
    body = encode(event)

    read = [
        from_structured(to_structured(event)),
        from_binary(*to_binary(event)),
        from_binary(*to_binary(event, binding="kafka")),
        *from_batch(to_batch([event])),
    ]

    assert [encode(each) for each in read] == [body] * 4
    assert read == [decode(body)] * 4


@unhurried
@given(envelopes | st.sampled_from(odd))
def test_attributes_are_what_the_specification_allows(event: Envelope) -> None:
    """Given any event, when written, then names, texts and headers are those of CloudEvents 1.0."""
    document = json.loads(to_structured(event))
    headers, _ = to_binary(event)

    attributes = {name: value for name, value in document.items() if name != "data"}
    assert all(named.fullmatch(name) for name in attributes)
    assert all(isinstance(value, str) and value for value in attributes.values())
    assert [value for value in attributes.values() if not_in_text.search(value)] == []
    assert all(visible.fullmatch(value) and '"' not in value for value in headers.values())
    assert "ce-datacontenttype" not in headers


def test_a_record_is_written_as_its_envelope() -> None:
    """Given an encoded event, when written, then it is the same as from the envelope."""
    record = encode_record(envelope)

    assert to_structured(record) == to_structured(envelope)
    assert to_binary(record) == to_binary(envelope)
    assert decode_record(encode(from_structured(to_structured(record)))) == record


def test_an_old_version_is_written_as_it_is() -> None:
    """Given a record of another version, when written, then its schema is that of its version."""
    body = encode(envelope).replace(b'"1.0.0"', b'"1.4.0"')

    document = json.loads(to_structured(decode_record(body)))

    assert document["dataschema"] == "urn:experimentframework:exposure:1.4.0"


def test_a_type_that_no_attribute_can_have_is_refused() -> None:
    """Given a foreign type with a control character, when written, then the error says so."""
    event = msgspec.structs.replace(envelope, event_type="a\nb", payload={})

    with pytest.raises(InvalidEventError, match=r"^event_type: 'a\\nb' has characters that no"):
        to_structured(event)


SDK = [
    pytest.param(
        lambda event: JSONFormat().read(None, to_structured(event)),
        lambda event: from_structured(JSONFormat().write(event)),
        id="json",
    ),
    pytest.param(
        lambda event: from_http_event(HTTPMessage(*to_binary(event))),
        lambda event: from_binary(**vars(to_binary_event(event))),
        id="http",
    ),
    pytest.param(
        lambda event: from_http_event(
            HTTPMessage({"content-type": content_type}, to_structured(event))
        ),
        lambda event: from_binary(**vars(to_structured_http(event))),
        id="http-structured",
    ),
    pytest.param(
        lambda event: from_kafka_event(kafka_message(*to_binary(event, binding="kafka"))),
        lambda event: from_kafka(to_binary_kafka(event)),
        id="kafka",
    ),
    pytest.param(
        lambda event: from_kafka_event(
            kafka_message([("content-type", content_type.encode())], to_structured(event))
        ),
        lambda event: from_kafka(to_structured_kafka(event)),
        id="kafka-structured",
    ),
]


def kafka_message(headers: list[tuple[str, bytes]], value: bytes) -> KafkaMessage:
    return KafkaMessage(dict(headers), None, value)


def from_kafka(message: KafkaMessage) -> Envelope:
    assert isinstance(message.value, bytes)
    return from_binary(message.headers, message.value)


@pytest.mark.parametrize(("theirs", "ours"), SDK)
@pytest.mark.parametrize("event", [envelope, odd[1], odd[3]], ids=["full", "odd", "newer"])
def test_the_sdk_reads_what_is_written_and_writes_what_is_read(
    theirs: Any, ours: Any, event: Envelope
) -> None:
    """Given an event, when the SDK reads it and writes it again, then it is the same event."""
    cloud = theirs(event)

    read = ours(cloud)

    assert isinstance(cloud, CloudEvent)
    assert (cloud.get_id(), cloud.get_time()) == (event.event_id, event.timestamp)
    assert cloud.get_type() == "org.experimentframework.exposure"
    assert cloud.get_dataschema() == "urn:experimentframework:exposure:1.0.0"
    assert cloud.get_datacontenttype() == "application/json"
    assert encode(read) == encode(event)


@pytest.mark.parametrize(("theirs", "ours"), SDK)
def test_an_event_made_by_the_sdk_is_read(theirs: Any, ours: Any) -> None:
    """Given a CloudEvent of another program, when read, then it is typed, and keeps what is new."""
    cloud = CloudEvent(
        {
            "type": "com.example.outcome",
            "source": "https://example.com/shop",
            "id": "A-1",
            "time": envelope.timestamp,
            "dataschema": "urn:experimentframework:outcome:1.0.0",
            "datacontenttype": "application/json; charset=utf-8",
            "partitionkey": "käse 1",
        },
        {
            "experimentName": "checkout",
            "subjectId": "u-42",
            "outcomeType": "binary",
            "name": "bought",
            "value": 1,
            "timestamp": "2026-01-02T03:04:05Z",
        },
    )

    read = ours(cloud)

    assert (read.event_id, read.timestamp) == ("A-1", envelope.timestamp)
    assert (read.event_type, read.payload.value) == ("outcome", 1.0)
    assert read.metadata == {"partitionkey": "käse 1"}


def test_headers_are_read_in_any_shape() -> None:
    """Given headers as text, bytes, pairs, in capitals, quoted or null, then it is one event."""
    headers, body = to_binary(envelope)
    shapes: list[Any] = [
        [(name.encode(), value.encode()) for name, value in headers.items()],
        [(name.upper(), value) for name, value in headers.items()],
        {name.title(): value.encode() for name, value in headers.items()},
        [*headers.items(), ("x-other", "1"), ("ce-subject2", None), (b"host", b"\xff")],
        headers | {"ce-correlationid": r'"order%207, \“späti\” 100%25"'},
        {k: v.lower() if "%" in v else v for k, v in headers.items()},
    ]

    read = [from_binary(shape, body) for shape in shapes[:5]]

    assert read == [envelope] * 5
    assert from_binary(shapes[5], body).correlation_id == "order 7, “späti” 100%"


def test_data_in_base64_is_read() -> None:
    """Given an intermediary that sends data as base64, when read, then it is the same event."""
    data = base64.b64encode(msgspec.json.encode(envelope.payload)).decode()
    body = written(data=..., data_base64=data)

    assert from_structured(body) == envelope


def test_null_is_absent_and_numbers_are_texts() -> None:
    """Given attributes that are null, or numbers and booleans, when read, then they are as text."""
    body = written(correlationid=7, traceparent=None, subject=None, urgent=True, level=3)

    read = from_structured(body)

    assert (read.correlation_id, read.traceparent) == ("7", None)
    assert envelope.metadata is not None
    assert read.metadata == {**envelope.metadata, "level": 3, "urgent": True}


def test_a_payload_that_does_not_fit_is_plain_unless_strict() -> None:
    """Given data that is no exposure, when read, then it is plain, or refused when strict."""
    body = written(data={"a": 1})

    assert from_structured(body).payload == {"a": 1}
    with pytest.raises(InvalidEventError, match=r"^payload\.experimentName: missing"):
        from_structured(body, strict=True)


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        (b"{", "", "not a CloudEvent in JSON: "),
        (b"[]", "", "not a CloudEvent in JSON: "),
        (b"\xff", "", "not a CloudEvent in JSON: "),
        (b"{}", "specversion", "None; only CloudEvents '1.0' are read"),
        (written(specversion="0.3"), "specversion", "'0.3'; only CloudEvents '1.0' are read"),
        (written(id=...), "id", "missing, or no text"),
        (written(id=5), "id", "missing, or no text"),
        (written(time=None), "time", "missing, or no text"),
        (written(time="noon"), "timestamp", "Invalid RFC3339"),
        (written(dataschema=...), "dataschema", "missing, or no text"),
        (
            written(dataschema="https://example.com/a.json"),
            "dataschema",
            "'https://example.com/a.json'; expected urn:experimentframework:TYPE:VERSION",
        ),
        (
            written(type="com.example.order"),
            "type",
            "'com.example.order' is another type than 'exposure', which dataschema names",
        ),
        (written(datacontenttype="text/xml"), "datacontenttype", "'text/xml' is not JSON"),
        (written(datacontenttype=5), "datacontenttype", "5 is not JSON"),
        (written(data=...), "data", "missing"),
        (written(data=..., data_base64="%"), "data_base64", "not base64: "),
        (written(data=..., data_base64="eyI="), "data", "not JSON: "),
        (written(data_base64="e30="), "data_base64", "stands beside data; one of them is needed"),
        (written(data=None), "data", "expected the JSON object of an exposure"),
        (written(data=""), "data", "expected the JSON object of an exposure"),
        (written(id="a\nb"), "eventId", "is not 1 to 128 printable ASCII characters"),
        (written(correlationid=[7]), "correlationId", "Expected `str | null`, got `array`"),
        (written(metadata="{"), "metadata", "not JSON: "),
        (written(metadata="[]"), "metadata", "expected a JSON object, as text"),
        (written(envelopefields="7"), "envelopefields", "expected a JSON object, as text"),
    ],
)
def test_what_is_no_event_is_refused(body: bytes, path: str, says: str) -> None:
    """Given a document that is no CloudEvent of ours, when read, then the attribute is named."""
    with pytest.raises(InvalidEventError) as caught:
        from_structured(body)

    assert caught.value.path == path
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "path", "says"),
    [
        ({}, "specversion", "None; only"),
        ({"content-type": batch_content_type}, "datacontenttype", "read them with from_batch"),
        (headers_with(ce_subject="%C0%A0"), "subject", "not UTF-8"),
        ({"ce_id": b"\xff"}, "id", "not UTF-8"),
        ([("ce-id", "1"), ("CE-ID", "2")], "id", "stands twice in the headers"),
        (headers_with(content_type="text/plain"), "datacontenttype", "'text/plain' is not JSON"),
    ],
)
def test_headers_that_are_no_event_are_refused(headers: Any, path: str, says: str) -> None:
    """Given headers that are no CloudEvent of ours, when read, then the attribute is named."""
    with pytest.raises(InvalidEventError) as caught:
        from_binary(headers, b"{}")

    assert caught.value.path == path
    assert says in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b'{},"eventId":"smuggled"', b"\xff"])
def test_a_body_that_is_not_one_json_value_is_refused(body: bytes) -> None:
    """Given a body that is not JSON, when read, then it is refused: nothing gets around it."""
    headers, _ = to_binary(envelope)

    with pytest.raises(InvalidEventError, match=r"^data: not JSON"):
        from_binary(headers, body)


def test_a_batch_may_be_empty_and_is_refused_if_it_is_none() -> None:
    """Given no events, and what is no batch, when read, then there are none, or an error."""
    assert from_batch(to_batch([])) == []
    assert from_batch(to_batch(iter([envelope, odd[1]]))) == [envelope, odd[1]]
    with pytest.raises(InvalidEventError, match=r"^not a batch of CloudEvents in JSON"):
        from_batch(to_structured(envelope))


@pytest.mark.parametrize("read", [from_structured, from_batch])
def test_a_document_of_another_type_is_told(read: Any) -> None:
    """Given a parsed document, when read, then the error says what is expected."""
    with pytest.raises(TypeError, match="body: expected bytes or text, not dict"):
        read({"specversion": "1.0"})


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        (None, b"{}", "headers: expected a mapping, or pairs of a name and a value"),
        (["ce-id"], b"{}", "headers: expected a mapping, or pairs of a name and a value"),
        ({5: "a"}, b"{}", "headers: expected names as text or bytes, not int"),
        ({}, 5, "body: expected bytes or text, not int"),
    ],
)
def test_a_message_of_another_type_is_told(headers: Any, body: Any, says: str) -> None:
    """Given headers or a body of a wrong type, when read, then the error says what is right."""
    with pytest.raises(TypeError, match=says):
        from_binary(headers, body)


def test_a_header_that_is_no_text_and_a_tombstone_are_no_event() -> None:
    """Given a number in a header, and no body, when read, then each is told as no event."""
    headers, body = to_binary(envelope)

    with pytest.raises(InvalidEventError, match="level: expected text or bytes, not int"):
        from_binary({**headers, "ce-level": 5}, body)  # type: ignore[arg-type]
    with pytest.raises(InvalidEventError, match="data: missing"):
        from_binary(headers, None)  # type: ignore[arg-type]


def test_another_binding_is_refused() -> None:
    """Given a binding that is not known, when written, then the error names those that are."""
    with pytest.raises(ValueError, match="binding='amqp': expected 'http' or 'kafka'"):
        to_binary(envelope, binding="amqp")  # type: ignore[call-overload]
