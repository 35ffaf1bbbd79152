"""Events as CloudEvents 1.0, and back: in JSON, and with attributes in headers.

Nothing is lost on the way: `encode` gives the same bytes for what comes back.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Literal, overload

import msgspec

from experimentframework_core._cloudevents.headers import (
    attributes_in,
    http_headers,
    kafka_headers,
)
from experimentframework_core._cloudevents.mapping import attributes_of, envelope_of, unreadable
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core._cloudevents.headers import Headers

__all__ = [
    "batch_content_type",
    "content_type",
    "default_source",
    "default_type_prefix",
    "from_batch",
    "from_binary",
    "from_structured",
    "to_batch",
    "to_binary",
    "to_structured",
]

content_type = "application/cloudevents+json"
"""The media type of one event in JSON."""

batch_content_type = "application/cloudevents-batch+json"
"""The media type of several events in JSON."""

default_source = "urn:experimentframework"
"""The ``source`` of events where you give none."""

default_type_prefix = "org.experimentframework."
"""What ``type`` begins with where you give nothing else."""

Event = Envelope | Record

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_events_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_encoder = msgspec.json.Encoder()


def to_structured(
    event: Event, *, source: str = default_source, type_prefix: str = default_type_prefix
) -> bytes:
    """Return an event as one JSON document of the type `content_type`.

    Args:
        event: An event in its envelope, or encoded.
        source: A URI or a reference to one: the application that publishes. It is not kept when
            the event is read.
        type_prefix: A domain name backwards, with a dot at the end.

    Raises:
        InvalidEventError: It cannot be encoded, or its type has characters that no attribute may.
    """
    attributes, data = attributes_of(event, source, type_prefix)
    return _encoder.encode(attributes | {"data": msgspec.Raw(data)})


def from_structured(body: bytes | str, *, strict: bool = False) -> Envelope:
    """Return the event in a JSON document of the type `content_type`.

    Attributes that are not known become metadata.

    Args:
        body: The document.
        strict: As in `decode`.

    Raises:
        InvalidEventError: It is no CloudEvent 1.0 of an experiment; ``path`` has the attribute.
        TypeError: The document is neither bytes nor text.
    """
    _refuse_no_text(body)
    try:
        members = _members_decoder.decode(body)
        attributes = {name: msgspec.json.decode(value) for name, value in members.items()}
    except unreadable as error:
        raise InvalidEventError(f"not a CloudEvent in JSON: {error}") from error
    attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    data = bytes(members["data"]) if "data" in members else None
    if encoded is not None:
        if data is not None:
            raise InvalidEventError("stands beside data; one of them is needed", path="data_base64")
        data = _decoded(encoded)
    return envelope_of(attributes, data, strict=strict)


def _refuse_no_text(body: object) -> None:
    if not isinstance(body, bytes | bytearray | memoryview | str):
        raise TypeError(f"body: expected bytes or text, not {type(body).__name__}")


def _decoded(encoded: object) -> bytes:
    try:
        return b64decode(str(encoded), validate=True)
    except ValueError as error:
        raise InvalidEventError(f"not base64: {error}", path="data_base64") from error


def to_batch(
    events: Iterable[Event],
    *,
    source: str = default_source,
    type_prefix: str = default_type_prefix,
) -> bytes:
    """Return events as one JSON document of the type `batch_content_type`; as `to_structured`."""
    written = [to_structured(each, source=source, type_prefix=type_prefix) for each in events]
    return b"[" + b",".join(written) + b"]"


def from_batch(body: bytes | str, *, strict: bool = False) -> list[Envelope]:
    """Return the events in a document of the type `batch_content_type`; as `from_structured`."""
    _refuse_no_text(body)
    try:
        events = _events_decoder.decode(body)
    except unreadable as error:
        raise InvalidEventError(f"not a batch of CloudEvents in JSON: {error}") from error
    return [from_structured(bytes(each), strict=strict) for each in events]


@overload
def to_binary(
    event: Event,
    *,
    binding: Literal["http"] = "http",
    source: str = default_source,
    type_prefix: str = default_type_prefix,
) -> tuple[dict[str, str], bytes]: ...


@overload
def to_binary(
    event: Event,
    *,
    binding: Literal["kafka"],
    source: str = default_source,
    type_prefix: str = default_type_prefix,
) -> tuple[list[tuple[str, bytes]], bytes]: ...


def to_binary(
    event: Event,
    *,
    binding: Literal["http", "kafka"] = "http",
    source: str = default_source,
    type_prefix: str = default_type_prefix,
) -> tuple[dict[str, str] | list[tuple[str, bytes]], bytes]:
    """Return an event as headers, which have the attributes, and a body, which is the payload.

    Args:
        event: An event in its envelope, or encoded.
        binding: ``http`` for headers ``ce-id``, …, percent-encoded; ``kafka`` for ``ce_id``, ….
        source: As in `to_structured`.
        type_prefix: As in `to_structured`.

    Raises:
        InvalidEventError: As for `to_structured`.
        ValueError: The binding is another.
    """
    if binding not in ("http", "kafka"):
        raise ValueError(f"binding={binding!r}: expected 'http' or 'kafka'")
    attributes, data = attributes_of(event, source, type_prefix)
    return (kafka_headers if binding == "kafka" else http_headers)(attributes), data


def from_binary(headers: Headers, body: bytes, *, strict: bool = False) -> Envelope:
    """Return the event in a message of HTTP or Kafka.

    A message whose content type is `content_type` is read by `from_structured`.

    Args:
        headers: Names and values, as a mapping or in pairs, as text or bytes.
        body: The message's body or value.
        strict: As in `decode`.

    Raises:
        InvalidEventError: It is no CloudEvent 1.0 of an experiment; ``path`` has the attribute.
        TypeError: The headers are no mapping and no pairs, or the body is no bytes.
    """
    if body is None:  # A tombstone of Kafka, whatever its type says.
        raise InvalidEventError("missing", path="data")
    _refuse_no_text(body)
    attributes = attributes_in(headers)
    media_type = attributes.get("datacontenttype", "").lower()
    if media_type.startswith("application/cloudevents-batch"):
        raise InvalidEventError("several events; read them with from_batch", path="datacontenttype")
    if media_type.startswith("application/cloudevents"):
        return from_structured(body, strict=strict)
    data = body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body)
    return envelope_of(attributes, data, strict=strict)
