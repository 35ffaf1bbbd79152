"""From bytes to a typed envelope: our own canonical form fast, every other form with patience."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from experimentframework_core import schemas
from experimentframework_core._codec import foreign
from experimentframework_core._codec.event_id import event_id_fault, event_id_pattern
from experimentframework_core._codec.normal import fields_of, has_deep_times, normalise, time_fields
from experimentframework_core._log import Repeated
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import EventType, event_type_named

P = TypeVar("P")


class _Wire(
    msgspec.Struct,
    Generic[P],
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: P
    correlation_id: str | None = None
    metadata: dict[str, Any] | None = None
    traceparent: str | None = None


class _Reader(msgspec.Struct, frozen=True):
    decoder: msgspec.json.Decoder[_Wire[Any]]
    name: str = ""
    registered: EventType | None = None
    times: tuple[str, ...] = ()
    deep_times: bool = False


_encoder = msgspec.json.Encoder()
_plain_reader = _Reader(msgspec.json.Decoder(_Wire[Any]))
_readers: dict[bytes, _Reader] = {}
_envelope_names = frozenset(field.encode_name for field in fields_of(_Wire))

_warnings = Repeated()
_missing_field = re.compile(r"missing required field `([^`]*)`")
_before_type, _between, _after_version = b'","eventType":"', b'","schemaVersion":"', b'","payload":'

unreadable = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What reading JSON raises."""


def decode(body: bytes | str, *, strict: bool = False) -> Envelope:
    """Return the envelope that was written, its payload as the newest version of its type.

    A payload of an unknown type or major version is the plain JSON value. So is one that does
    not fit its type, unless ``strict``: nothing that is an envelope is lost. Fields that are not
    known are kept in ``extra``. Events of the .NET ExperimentFramework are read too, and a time
    without a zone is taken as UTC.

    Args:
        body: One event as JSON.
        strict: Raise when a payload of a known type and version does not fit its type.

    Raises:
        InvalidEventError: It is not JSON, or not an envelope; ``path`` has the wire names.
    """
    if isinstance(body, str):
        try:
            body = body.encode()
        except UnicodeEncodeError as error:
            raise InvalidEventError(f"not JSON: {error}") from None
    return _decode_canonical(body) or _decode_any(body, strict=strict)


def _decode_canonical(body: bytes) -> Envelope | None:
    """Read what `encode` wrote; None if writing it again would give other bytes."""
    reader = _reader(body)
    if reader is None:
        return None
    try:
        wire = reader.decoder.decode(body)
        if _encoder.encode(wire) != body or not _is_utc(wire, reader):
            return None
        if not event_id_pattern.fullmatch(wire.event_id):
            return None
    except unreadable:
        return None
    return Envelope(
        event_id=wire.event_id,
        timestamp=wire.timestamp,
        event_type=wire.event_type,
        schema_version=wire.schema_version,
        payload=wire.payload,
        correlation_id=wire.correlation_id,
        metadata=wire.metadata,
        traceparent=wire.traceparent,
    )


def _is_utc(wire: _Wire[Any], reader: _Reader) -> bool:
    payload = wire.payload
    for name in reader.times:
        time = getattr(payload, name)
        if time.__class__ is datetime and time.tzinfo is not UTC:
            return False
    if reader.deep_times and normalise(payload, read=True) is not payload:
        return False
    return wire.timestamp.tzinfo is UTC


def _reader(body: bytes) -> _Reader | None:
    """Return the reader for the type and version in their canonical places, or None."""
    start = body.find(_before_type) + len(_before_type)
    named = body[start : body.find(_after_version, start)]
    reader = _readers.get(named)
    if reader and event_type_named(reader.name) is reader.registered:
        return reader
    written, _, version = named.partition(_between)
    name = written.decode(errors="replace")
    registered = event_type_named(name)
    if registered is None:
        return _plain_reader if foreign.type_name(name) == name else None
    if version != registered.version.encode():
        return None
    _readers[named] = reader = _reader_of(registered)
    return reader


def _reader_of(registered: EventType) -> _Reader:
    struct = registered.payload
    return _Reader(
        decoder=msgspec.json.Decoder(_Wire[struct]),  # type: ignore[valid-type]
        name=registered.name,
        registered=registered,
        times=time_fields(struct),
        deep_times=has_deep_times(struct),
    )


def _decode_any(body: bytes, *, strict: bool) -> Envelope:
    try:
        written = msgspec.json.decode(body)
    except unreadable as error:
        raise InvalidEventError(f"not JSON: {error}") from error
    if not isinstance(written, dict):
        raise InvalidEventError(f"not an event: a JSON object is needed, not {_json_name(written)}")
    fields = foreign.camel_keys(written, _envelope_names)
    if "eventType" in fields:
        fields["eventType"] = foreign.type_name(fields["eventType"])
    if "timestamp" in fields:
        fields["timestamp"] = foreign.time_text(fields["timestamp"])
    extra = {name: fields.pop(name) for name in list(fields) if name not in _envelope_names}
    try:
        envelope = msgspec.convert(fields, Envelope)
    except msgspec.ValidationError as error:
        raise _invalid("not an event envelope: ", error, "") from None
    if fault := event_id_fault(envelope.event_id):
        raise InvalidEventError(fault, path="eventId")
    try:
        typed = _typed(envelope)
    except InvalidEventError:
        if strict:
            raise
        typed = None
    if typed is not None:
        version, payload, unknown = typed
        envelope = msgspec.structs.replace(envelope, schema_version=version, payload=payload)
        extra |= {"payload": unknown} if unknown else {}
    envelope = normalise(envelope, read=True)
    return msgspec.structs.replace(envelope, extra=extra) if extra else envelope


def _typed(envelope: Envelope) -> tuple[str, msgspec.Struct, dict[str, Any]] | None:
    """Return the newest version, the typed payload, and its fields that the type has not.

    None means that the type or its major version is unknown.

    Raises:
        InvalidEventError: The payload does not fit, or an upcast function failed.
    """
    name, registered = envelope.event_type, event_type_named(envelope.event_type)
    if registered is None:
        return None
    if not isinstance(envelope.payload, dict):
        reason = f"a JSON object is needed, not {_json_name(envelope.payload)}"
        raise InvalidEventError(reason, path="payload")
    written = foreign.payload_fields(name, envelope.payload)
    try:
        lifted = schemas.lift(name, envelope.schema_version, written)
    except InvalidEventError as error:
        raise _failed_upcast(envelope, registered.version, error) from error.__cause__
    if lifted is None:
        return None
    version, fields = lifted
    try:
        payload = msgspec.convert(fields, registered.payload, str_keys=True)
    except msgspec.ValidationError as error:
        fault = _invalid("", error, "payload")
        if fields is not written:
            fault = _failed_upcast(envelope, registered.version, fault)
        raise fault from None
    return version, normalise(payload, read=True, path="payload"), _unknown(fields, payload)


def _failed_upcast(envelope: Envelope, newest: str, fault: InvalidEventError) -> InvalidEventError:
    """Log that a function for this event does not do its work, and return what to raise."""
    reason = (
        f"upcast from {envelope.event_type} {envelope.schema_version} failed on the way to"
        f" {newest}, event {envelope.event_id}: {str(fault).removeprefix(f'{fault.path}: ')}"
    )
    _warnings.warning("experimentframework.upcast_failed", error=reason)
    return InvalidEventError(reason, path=fault.path)


def _unknown(written: dict[str, Any], read: msgspec.Struct) -> dict[str, Any]:
    """Return the written fields that the struct has not, those of inner structs under theirs."""
    known = {field.encode_name: field.name for field in fields_of(type(read))}
    unknown = {}
    for key, value in written.items():
        if key not in known:
            if key != read.__struct_config__.tag_field:
                unknown[key] = value
        elif isinstance(value, dict):
            inner = getattr(read, known[key])
            if isinstance(inner, msgspec.Struct) and (deeper := _unknown(value, inner)):
                unknown[key] = deeper
    return unknown


def _invalid(prefix: str, error: msgspec.ValidationError, path: str) -> InvalidEventError:
    reason, _, place = str(error).partition(" - at `$")
    path += place.rstrip("`")
    if missing := _missing_field.search(reason):
        reason, path = "missing", f"{path}.{missing[1]}"
    return InvalidEventError(prefix + reason, path=path.removeprefix("."))


def _json_name(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a bool", type(None): "null"}
    return names.get(type(value), "a number")
