"""The one wire form of an event: camelCase JSON, written canonically and read back typed."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from experimentframework_core._codec import foreign
from experimentframework_core._codec.event_id import event_id_fault, event_id_pattern
from experimentframework_core._codec.faults import find_depth, find_fault
from experimentframework_core._codec.normal import fields_of, normalise
from experimentframework_core._codec.reading import decode, unreadable
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import (
    event_type_of,
    routing_limits,
)
from experimentframework_core.schemas import parse_version

__all__ = [
    "decode",
    "decode_record",
    "encode",
    "encode_as_read",
    "encode_record",
    "event_id_pattern",
    "explain",
    "max_depth",
]

max_depth = 64
"""The deepest nesting that is written, the envelope included: what common readers take."""


class _Routing(msgspec.Struct, rename="camel"):
    experiment_name: Any = None
    variant_key: Any = None
    new_variant_key: Any = None
    subject_id: Any = None
    tenant_id: Any = None


class _Head(msgspec.Struct, rename="camel"):
    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: msgspec.Raw
    correlation_id: str | None = None
    metadata: dict[str, msgspec.Raw] | None = None
    traceparent: str | None = None


_encoder = msgspec.json.Encoder()
_head_decoder = msgspec.json.Decoder(_Head)
_routing_decoder = msgspec.json.Decoder(_Routing)
_canonical_start = re.compile(
    rb'\{"eventId":"[!#-\[\]-~]{1,128}",'
    rb'"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z","eventType":'
)


def encode(envelope: Envelope, *, limits: bool = True) -> bytes:
    """Return the envelope's canonical JSON.

    Fields stand in declared order, absent optionals are left out, times are in UTC. ``decode``
    gives back an equal envelope, and encoding that gives the same bytes.

    Args:
        envelope: The event in its envelope.
        limits: Refuse names and ids that are empty or too long. Others write such; what was read
            is encoded again without.

    Raises:
        InvalidEventError: Something in it has no wire form; ``path`` names the Python field.
    """
    envelope = normalise(envelope)
    _check(envelope, limits=limits)
    try:
        body = _write(envelope)
        read = decode(body)
        if read == envelope and _write(read) == body:
            return body
    except (*unreadable, TypeError, ValueError, OverflowError, InvalidEventError):
        pass
    raise _find_fault(envelope)


def encode_as_read(envelope: Envelope) -> bytes:
    """Return the JSON of an envelope that `decode` gave, at a tenth of the cost of `encode`.

    They are the same bytes where `encode` takes the event, and those of the stored event where
    that was canonical and of the newest version. What others wrote and `encode` refuses, such as
    a name that is too long, is written as it was read.
    """
    return _write(envelope)


def explain(event: msgspec.Struct) -> InvalidEventError | None:
    """Return why an event cannot be written, or None if it can.

    Thorough and slow: it writes the event, reads it back, and looks for the field to blame.

    Args:
        event: A payload, or a whole `Envelope`.

    Returns:
        The error to raise. Its ``path`` has the names of the Python fields, as in
        ``attributes.price``, from the given event on.
    """
    if isinstance(event, Envelope):
        return _fault(event)
    registered = event_type_of(type(event))
    if registered is None:
        return InvalidEventError(_not_registered(event))
    fault = _fault(
        Envelope(
            event_id="-",
            timestamp=datetime(2000, 1, 1, tzinfo=UTC),
            event_type=registered.name,
            schema_version=registered.version,
            payload=event,
        )
    )
    if fault is None:
        return None
    reason = str(fault).removeprefix(f"{fault.path}: ")
    return InvalidEventError(reason, path=fault.path.removeprefix("payload").removeprefix("."))


def encode_record(envelope: Envelope, *, limits: bool = True) -> Record:
    """Return the envelope encoded, with what routing needs beside it.

    Args:
        envelope: The event in its envelope.
        limits: As in `encode`.

    Raises:
        InvalidEventError: As for `encode`.
    """
    return _record(encode(envelope, limits=limits), envelope, _routing(envelope.payload))


def decode_record(body: bytes) -> Record:
    """Return an encoded event as a record, its bytes unchanged if they are canonical.

    An event in another form, as the .NET ExperimentFramework writes it, is encoded anew, also
    with names that are longer than ours may be.

    Raises:
        InvalidEventError: It is not an event, or has no canonical form.
    """
    if _canonical_start.match(body):
        try:
            if not body.isascii():
                body.decode()  # The payload is only looked at as far as its ends.
            head = _head_decoder.decode(body)
        except unreadable as error:
            raise InvalidEventError(f"not an event envelope: {error}") from error
        if foreign.type_name(head.event_type) == head.event_type:
            payload = bytes(head.payload)
            routing = _routing_decoder.decode(payload) if payload[:1] == b"{" else _Routing()
            return _record(body, head, routing)
    return encode_record(decode(body), limits=False)


def _record(body: bytes, head: Envelope | _Head, routing: _Routing) -> Record:
    experiment = _text(routing.experiment_name)
    return Record(
        body=body,
        event_type=sys.intern(head.event_type),
        schema_version=sys.intern(head.schema_version),
        experiment=sys.intern(experiment) if experiment else None,
        variant=_text(routing.new_variant_key) or _text(routing.variant_key),
        subject=_text(routing.subject_id),
        tenant=_text(routing.tenant_id),
        correlation_id=head.correlation_id,
        traceparent=head.traceparent,
    )


def _routing(payload: object) -> _Routing:
    if isinstance(payload, dict):
        return msgspec.convert(payload, _Routing)
    names = _Routing.__struct_fields__
    return _Routing(**{name: getattr(payload, name, None) for name in names})


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str) and value else None


def _write(envelope: Envelope) -> bytes:
    if envelope.extra is None:
        return _encoder.encode(envelope)
    known = _encoder.encode(msgspec.structs.replace(envelope, extra=None))
    return _encoder.encode(_merge(msgspec.json.decode(known), envelope.extra))


def _merge(known: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    for key, value in extra.items():
        if isinstance(known.get(key), dict) and isinstance(value, dict):
            _merge(known[key], value)
        else:
            known.setdefault(key, value)
    return known


def _fault(envelope: Envelope) -> InvalidEventError | None:
    try:
        encode(envelope)
    except InvalidEventError as error:
        return error
    return None


def _check(envelope: Envelope, *, limits: bool) -> None:
    """Check what writing and reading back alone would let pass."""
    if fault := event_id_fault(envelope.event_id):
        raise InvalidEventError(fault, path="event_id")
    if not isinstance(envelope.extra, dict | None):
        raise InvalidEventError("expected a dict or None", path="extra")
    typed = isinstance(envelope.payload, msgspec.Struct)
    if typed:
        _check_type(envelope)
    if limits:
        _check_routing(envelope, "")
        if typed:
            _check_routing(envelope.payload, "payload.")
    if path := find_depth(envelope, "", max_depth):
        raise InvalidEventError(f"nested deeper than {max_depth} levels", path=path)


def _check_type(envelope: Envelope) -> None:
    registered = event_type_of(type(envelope.payload))
    if registered is None:
        raise InvalidEventError(_not_registered(envelope.payload), path="payload")
    if envelope.event_type != registered.name:
        reason = f"{envelope.event_type!r} does not hold a {type(envelope.payload).__name__}"
        raise InvalidEventError(f"{reason}; it is {registered.name!r}", path="event_type")
    if envelope.schema_version == registered.version:
        return
    newest = parse_version(registered.version)
    version = parse_version(str(envelope.schema_version))
    if newest is None or version is None or version[0] != newest[0] or version < newest:
        reason = (
            f"{envelope.schema_version!r}: {registered.name} is written as {registered.version}"
        )
        raise InvalidEventError(reason, path="schema_version")


def _check_routing(event: msgspec.Struct, prefix: str) -> None:
    for field, limit in _limits(type(event)):
        value = getattr(event, field)
        if value is None or value is msgspec.UNSET:
            continue
        path = prefix + field
        if not isinstance(value, str):
            raise InvalidEventError(f"expected text, got {type(value).__name__}", path=path)
        if not 0 < len(value) <= limit:
            reason = f"{len(value)} characters; it takes 1 to {limit}"
            raise InvalidEventError(reason, path=path)


@lru_cache(maxsize=1024)
def _limits(struct: type[msgspec.Struct]) -> list[tuple[str, int]]:
    names = struct.__struct_fields__
    return [(name, routing_limits[name]) for name in names if name in routing_limits]


def _find_fault(envelope: Envelope) -> InvalidEventError:
    for field in fields_of(Envelope):
        value = getattr(envelope, field.name)
        typed = field.name == "payload" and isinstance(value, msgspec.Struct)
        if fault := find_fault(value, type(value) if typed else field.type, field.name):
            return fault
    if envelope.extra is not None:
        return InvalidEventError("empty, or it holds fields that are known", path="extra")
    return InvalidEventError("the event is not the same when it is read back", path="payload")


def _not_registered(payload: object) -> str:
    name = type(payload).__name__
    return f'{name} is not a registered event type; decorate the class with @event("name")'
