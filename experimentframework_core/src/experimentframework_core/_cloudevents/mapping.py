"""The attributes of a CloudEvent, made of an event's envelope, and the envelope made of them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from experimentframework_core.codec import decode, encode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import built_in_types

unreadable = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
"""What reading JSON raises."""

_schema = "urn:experimentframework:{}:{}"
_schema_pattern = re.compile(r"urn:experimentframework:([^:]+):([^:]+)")
_json_pattern = re.compile(r"[^/;]+/(?:[^/;]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_not_in_text = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(f"{chr(end)}{chr(end + 1)}" for end in range(0xFFFE, 0x110000, 0x10000))
    + "]"
)
_not_plain = re.compile("[^\x20-\x7e]")
_own = {"correlationid": "correlationId", "traceparent": "traceparent"}
_others = "envelopefields"
_head = ("eventId", "timestamp", "eventType", "schemaVersion")
_needed = ("id", "type", "time", "dataschema")
_known = {
    *_needed,
    *_own,
    _others,
    "specversion",
    "source",
    "subject",
    "datacontenttype",
    "metadata",
}
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def attributes_of(
    event: Envelope | Record, source: str, type_prefix: str
) -> tuple[dict[str, str], bytes]:
    """Return an event's attributes, and its payload as JSON.

    Raises:
        InvalidEventError: It cannot be encoded, or its type has characters that no attribute may.
    """
    record = event if isinstance(event, Record) else encode_record(event, limits=False)
    fields = _fields_decoder.decode(record.body)
    payload = bytes(fields.pop("payload"))
    event_id, time, event_type, version = (
        _text_in(fields.pop(name))
        for name in ("eventId", "timestamp", "eventType", "schemaVersion")
    )
    if _not_in_text.search(event_type):
        reason = f"{event_type!r} has characters that no attribute of a CloudEvent may have"
        raise InvalidEventError(reason, path="event_type")
    attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": type_prefix + event_type,
        "time": time,
        "datacontenttype": "application/json",
        "dataschema": _schema.format(quote(event_type, ""), quote(version, "")),
    }
    if record.subject is not None and not _not_in_text.search(record.subject):
        attributes["subject"] = record.subject
    for attribute, name in _own.items():
        text = _text_in(fields[name]) if name in fields else ""
        if text and not _not_in_text.search(text):
            attributes[attribute] = text
            del fields[name]
    if "metadata" in fields:
        attributes["metadata"] = _plain(bytes(fields.pop("metadata")))
    if fields:
        attributes[_others] = _plain(_encoder.encode(fields))
    return attributes, payload


def envelope_of(attributes: dict[str, Any], data: bytes | None, *, strict: bool) -> Envelope:
    """Return the event of which these are the attributes, and this the payload as JSON.

    Raises:
        InvalidEventError: It is no CloudEvent 1.0 of an experiment; ``path`` has the attribute.
    """
    said = _checked(attributes)
    event_type, version = _type_and_version(said)
    if data is None:
        raise InvalidEventError("missing", path="data")
    payload = _json_in(data, "data")  # More than one value would add fields to the envelope.
    if event_type in built_in_types and not isinstance(payload, dict):
        raise InvalidEventError(f"expected the JSON object of an {event_type}", path="data")
    fields: dict[str, Any] = {
        "eventId": said["id"],
        "timestamp": said["time"],
        "eventType": event_type,
        "schemaVersion": version,
        "payload": msgspec.Raw(data),
    }
    if "correlationid" in said:
        fields["correlationId"] = _text(said["correlationid"])
    metadata = _object_in(said, "metadata")
    for name in sorted(said.keys() - _known):
        metadata.setdefault(name, said[name])
    if metadata or "metadata" in said:
        fields["metadata"] = metadata
    if "traceparent" in said:
        fields["traceparent"] = _text(said["traceparent"])
    for name, value in _object_in(said, _others).items():
        fields.setdefault(name, value)
    return decode(_encoder.encode(fields), strict=strict)


def _checked(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that are not null; those that must be there are."""
    said = {name: value for name, value in attributes.items() if value is not None}
    if said.get("specversion") != "1.0":
        reason = f"{said.get('specversion')!r}; only CloudEvents '1.0' are read"
        raise InvalidEventError(reason, path="specversion")
    for name in _needed:
        if not (isinstance(said.get(name), str) and said[name]):
            raise InvalidEventError("missing, or no text", path=name)
    media_type = said.get("datacontenttype", "application/json")
    if not (isinstance(media_type, str) and _json_pattern.fullmatch(media_type)):
        raise InvalidEventError(f"{media_type!r} is not JSON", path="datacontenttype")
    return said


def _type_and_version(said: dict[str, Any]) -> tuple[str, str]:
    schema = _schema_pattern.fullmatch(said["dataschema"])
    if schema is None:
        expected = _schema.format("TYPE", "VERSION")
        raise InvalidEventError(f"{said['dataschema']!r}; expected {expected}", path="dataschema")
    event_type, version = unquote(schema[1]), unquote(schema[2])
    if not said["type"].endswith(event_type):
        reason = f"{said['type']!r} is another type than {event_type!r}, which dataschema names"
        raise InvalidEventError(reason, path="type")
    return event_type, version


def _object_in(said: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what an attribute holds as JSON; an empty one where it is not there."""
    if name not in said:
        return {}
    found = _json_in(str(said[name]).encode(), name)
    if not isinstance(found, dict):
        raise InvalidEventError("expected a JSON object, as text", path=name)
    return found


def _json_in(text: bytes, name: str) -> object:
    try:
        return msgspec.json.decode(text)
    except unreadable as error:
        raise InvalidEventError(f"not JSON: {error}", path=name) from error


def _text(value: object) -> object:
    """Return a whole number or a boolean as the text that it has in a header."""
    return msgspec.json.encode(value).decode() if isinstance(value, int) else value


def _text_in(raw: msgspec.Raw) -> str:
    return msgspec.json.decode(raw, type=str)


def _plain(json: bytes) -> str:
    """Return JSON with all but printable ASCII as escapes, so that an attribute can have it."""
    return _not_plain.sub(_escape, json.decode())


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
