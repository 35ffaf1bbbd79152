"""Sealing, compiled once for each payload class: check an event, encode it, note what routes it.

A check that passes is a promise: the event encodes, and decodes to an equal one. What does not
pass may still be good, and is looked at with care elsewhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from experimentframework_core.envelope import Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import routing_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.events import EventType

    Seal = Callable[
        [msgspec.Struct, str, str | None, dict[str, Any] | None],
        Record | None,
    ]
    """(event, event id, correlation id, metadata) -> its record; None when not sampled."""

SMALLEST, LARGEST = -(1 << 63), (1 << 64) - 1
"""The integers that every reader of the wire form takes."""

MOST_DEPTH = 32
"""How deep plain values are followed here; the codec's own limit is deeper."""


class Sealed(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The envelope as it is written: `Envelope` without what only reading needs, positional."""

    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: msgspec.Struct
    correlation_id: str | None = None
    metadata: dict[str, Any] | None = None
    traceparent: str | None = None


def is_plain(values: dict[Any, Any], depth: int = MOST_DEPTH) -> bool:
    """Return whether a free mapping holds nothing but text keys and plain JSON values."""
    for key, value in values.items():
        if type(key) is not str:
            return False
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if kind is int and SMALLEST <= value <= LARGEST:
            continue
        if kind is float and value - value == 0.0:
            continue
        if not _is_plain_container(value, depth):
            return False
    return True


def _is_plain_container(value: object, depth: int) -> bool:
    if depth == 0:
        return False
    if type(value) is dict:
        return is_plain(value, depth - 1)
    if type(value) is list:
        return is_plain({str(place): each for place, each in enumerate(value)}, depth - 1)
    return False


def too_large(size: int, limit: int) -> InvalidEventError:
    """Return the error for an event that is longer than ``maxEventBytes``."""
    message = f"the event is {size} bytes long, over the limit of {limit} (maxEventBytes)"
    return InvalidEventError(message)


def compile_seal(
    registered: EventType,
    *,
    carefully: Seal,
    max_bytes: int,
    traceparent: Callable[[], str | None] | None,
) -> Seal:
    """Return a function that seals events of one class; what it is not sure of goes to another.

    The function is generated source, as dataclasses and attrs have it: eleven fields take a
    third of the time that a loop over them takes.

    Args:
        registered: The event type.
        carefully: Seals what is not plainly good, or raises InvalidEventError.
        max_bytes: Most bytes of one encoded event.
        traceparent: Gives the current trace context; None when there is never any.
    """
    conditions = _conditions(registered.payload)
    if conditions is None:
        return carefully
    namespace: dict[str, Any] = {
        **{f"kind_{name}": kind for name, (_, kind) in conditions.items()},
        "CORRELATION_LIMIT": routing_limits["correlation_id"],
        "Record": Record,
        "Sealed": Sealed,
        "UTC": UTC,
        "carefully": carefully,
        "datetime": datetime,
        "encode": msgspec.json.Encoder().encode,
        "event_type": intern(registered.name),
        "intern": intern,
        "is_plain": is_plain,
        "max_bytes": max_bytes,
        "too_large": too_large,
        "traceparent_now": traceparent,
        "version": intern(registered.version),
    }
    source = _source(
        {name: test for name, (test, _) in conditions.items()}, traced=traceparent is not None
    )
    exec(source, namespace)  # noqa: S102 - made of field names, which are identifiers
    seal: Seal = namespace["seal"]
    return seal


def _source(tests: dict[str, str], *, traced: bool) -> str:
    variant = "new_variant_key" if "new_variant_key" in tests else "variant_key"
    routing = [name if name in tests else "None" for name in (variant, "subject_id", "tenant_id")]
    experiment = "None"
    if "experiment_name" in tests:
        experiment = "None if experiment_name is None else intern(experiment_name)"
    give_up = "return carefully(event, event_id, correlation_id, metadata)"
    lines = ["def seal(event, event_id, correlation_id, metadata):"]
    for name, test in tests.items():
        lines += [f"    {name} = event.{name}", f"    if not ({test}):", f"        {give_up}"]
    if "timestamp" not in tests:
        lines.append("    timestamp = datetime.now(UTC)")
    lines += [
        "    if metadata is not None and not (type(metadata) is dict and is_plain(metadata)):",
        f"        {give_up}",
        "    if correlation_id is not None and not (",
        "        type(correlation_id) is str and 0 < len(correlation_id) <= CORRELATION_LIMIT",
        "    ):",
        f"        {give_up}",
        f"    traceparent = {'traceparent_now()' if traced else 'None'}",
        "    try:",
        "        body = encode(Sealed(event_id, timestamp, event_type, version, event,",
        "                             correlation_id, metadata, traceparent))",
        "    except (UnicodeError, TypeError, ValueError):",
        f"        {give_up}",
        "    if len(body) > max_bytes:",
        "        raise too_large(len(body), max_bytes)",
        f"    return Record(body, event_type, version, {experiment},",
        f"                  {', '.join(routing)}, correlation_id, traceparent)",
    ]
    return "\n".join(lines)


def _conditions(payload: type[msgspec.Struct]) -> dict[str, tuple[str, type | None]] | None:
    """Return each field's test and the class it names; None if some field has no certain test."""
    info = inspect.type_info(payload)
    if not isinstance(info, inspect.StructType) or info.tag is not None or info.array_like:
        return None
    conditions = {}
    for field in info.fields:
        kind = field.type
        members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        tests = [_test(field.name, member) for member in members]
        if None in tests or sum("kind_" in test for test in tests if test) > 1:
            return None
        classes = [member.cls for member in members if isinstance(member, inspect.EnumType)]
        ordered = sorted(filter(None, tests), key=lambda test: not test.endswith(" is None"))
        named = classes[0] if classes else None
        conditions[field.name] = (" or ".join(f"({test})" for test in ordered), named)
    return conditions


def _test(name: str, kind: inspect.Type) -> str | None:  # noqa: PLR0911 - a table of types
    """Return the source of a test of the local variable ``name``; None if none is certain."""
    match kind:
        case inspect.NoneType():
            return f"{name} is None"
        case inspect.StrType(min_length=None, max_length=None, pattern=None):
            limit = routing_limits.get(name)
            return f"type({name}) is str" + (f" and 0 < len({name}) <= {limit}" if limit else "")
        case inspect.BoolType():
            return f"{name} is True or {name} is False"
        case inspect.FloatType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return f"type({name}) is float and {name} - {name} == 0.0"
        case inspect.IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return f"type({name}) is int and {SMALLEST} <= {name} <= {LARGEST}"
        case inspect.DateTimeType(tz=None):
            return f"type({name}) is datetime and {name}.tzinfo is UTC"
        case inspect.EnumType():
            return f"type({name}) is kind_{name}"
        case inspect.DictType(
            key_type=inspect.StrType(), value_type=inspect.AnyType(), max_length=None
        ):
            return f"type({name}) is dict and is_plain({name})"
    return None
