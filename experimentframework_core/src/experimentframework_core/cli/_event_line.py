"""One line of NDJSON to one event: a full envelope, or the flat form."""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from experimentframework_core import codec
from experimentframework_core._codec.faults import children
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import EventType, event_type_named, event_types, utc_now

if TYPE_CHECKING:
    from collections.abc import Collection

FLAT_KEYS = frozenset({"type", "eventId", "correlationId", "metadata"})
"""What a flat line may hold beside the payload's own fields."""


_ENVELOPE_KEYS = {"eventtype", "payload"}  # the .NET original may write them in Pascal case


class LineError(ValueError):
    """The line holds no event; the text says why."""


class EventLine(msgspec.Struct, frozen=True):
    """What to publish.

    Attributes:
        event: A payload, or a whole envelope where the line gives the event's id.
        correlation_id: For a payload; an envelope has its own.
        metadata: For a payload; an envelope has its own.
    """

    event: msgspec.Struct
    correlation_id: str | None = None
    metadata: dict[str, Any] | None = None


class _FlatExtras(msgspec.Struct, rename="camel"):
    event_id: str | None = None
    correlation_id: str | None = None
    metadata: dict[str, Any] | None = None


def parse(line: bytes) -> EventLine:
    """Return the event of ``line``.

    Raises:
        LineError: It is no JSON object, of an unknown type, has a key twice, or a field is wrong.
    """
    try:
        value = _decoded(line)
        if not isinstance(value, dict):
            raise LineError(f"expected a JSON object, got {_json_type(value)}")
        _refuse_duplicates(line)
        return _parse_envelope(line) if _is_envelope(value) else _parse_flat(value)
    except (ValueError, RecursionError, InvalidEventError) as error:
        raise LineError(_reason(error)) from error


def _decoded(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except msgspec.ValidationError as error:
        # It is about a number, and msgspec does not name the keys above it.
        text = str(error).partition(" - at ")[0]
        at = _place_of_number(json.loads(line, parse_int=_Number, parse_float=_Number), "")
        raise LineError(f"{at}: {text}" if at else text) from error


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _place_of_number(value: object, path: str) -> str | None:
    """Return the path of the first number that cannot be read, or None."""
    if isinstance(value, _Number):
        try:
            msgspec.json.decode(value.encode())
        except msgspec.ValidationError:
            return path
    inner = (_place_of_number(part, at) for part, _, at in children(value, Any, path))
    return next(filter(None, inner), None)


def _refuse_duplicates(line: bytes) -> None:
    """Read the line once more: msgspec keeps the last of two equal keys and says nothing."""
    _keys_reader.decode(line.decode())


def _keys_once(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise LineError(f"{key}: stands twice in one object")
        seen.add(key)


_keys_reader = json.JSONDecoder(object_pairs_hook=_keys_once, parse_int=str, parse_float=str)


def _is_envelope(value: dict[str, Any]) -> bool:
    return "type" not in value and any(key.lower() in _ENVELOPE_KEYS for key in value)


def reason_of(error: InvalidEventError, event: msgspec.Struct) -> str:
    """Return what is wrong with ``event``, its field named as on the wire."""
    if not error.path:
        return str(error)
    return _wire_path(event, error.path) + str(error).removeprefix(error.path)


def _wire_path(event: object, path: str) -> str:
    name, dot, rest = path.partition(".")
    if not isinstance(event, msgspec.Struct):
        return path
    names = {field.name: field.encode_name for field in msgspec.structs.fields(event)}
    return names.get(name, name) + dot + _wire_path(getattr(event, name, None), rest)


def _parse_envelope(line: bytes) -> EventLine:
    envelope = codec.decode(line, strict=True)
    _registered(envelope.event_type, "eventType")
    return EventLine(envelope)


def _parse_flat(value: dict[str, Any]) -> EventLine:
    registered = _event_type(value)
    fields = _fields(registered.payload)
    for key in value:
        if key not in fields and key not in FLAT_KEYS:
            raise LineError(f"{key}: unknown field of {registered.name}{_suggest(key, fields)}")
    try:
        payload = msgspec.convert(value, registered.payload)
    except msgspec.ValidationError as error:
        raise LineError(_reason(error) + _choices(registered.payload, value, error)) from error
    extras = msgspec.convert(value, _FlatExtras)
    if extras.event_id is None:
        return EventLine(payload, extras.correlation_id, extras.metadata)
    return EventLine(_envelope(registered, payload, extras))


def _envelope(registered: EventType, payload: msgspec.Struct, extras: _FlatExtras) -> Envelope:
    return msgspec.convert(
        {
            "eventId": extras.event_id,
            "timestamp": getattr(payload, "timestamp", None) or utc_now(),
            "eventType": registered.name,
            "schemaVersion": registered.version,
            "payload": payload,
            "correlationId": extras.correlation_id,
            "metadata": extras.metadata,
        },
        Envelope,
    )


def _event_type(value: dict[str, Any]) -> EventType:
    name = value.get("type")
    if name is None:
        raise LineError("no type: give 'type', or a full envelope with 'eventType' and 'payload'")
    return _registered(name, "type")


def _registered(name: object, key: str) -> EventType:
    registered = event_type_named(name) if isinstance(name, str) else None
    if registered is None:
        known = [known.name for known in event_types()]
        raise LineError(
            f"{key}: unknown event type {name!r}; expected {', '.join(known[:-1])} or {known[-1]}"
            f"{_suggest(str(name), known)}"
        )
    return registered


def _choices(payload: type[msgspec.Struct], value: dict[str, Any], error: Exception) -> str:
    """Return what the enum's values are, where ``error`` is about a field with one."""
    if not str(error).startswith("Invalid enum value"):
        return ""
    name = str(error).partition(" - at `$.")[2].rstrip("`")
    info = inspect.type_info(payload)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    kind = next((each.type for each in fields if each.encode_name == name), None)
    if not isinstance(kind, inspect.EnumType):
        return ""
    known = [str(member.value) for member in kind.cls]
    return f"; expected {', '.join(known[:-1])} or {known[-1]}{_suggest(str(value[name]), known)}"


@cache
def _fields(payload: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(payload.__struct_encode_fields__)


def _suggest(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: {error.reason} (byte {error.start})"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text, _, path = str(error).partition(" - at `$.")
    return f"{path.rstrip('`')}: {text}" if path else text


def _json_type(value: object) -> str:
    names: dict[type, str] = {list: "an array", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
