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

PLAIN = frozenset({str, int, bool, type(None)})
"""The classes of which every value has a wire form; text may still fail to encode."""

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
        if kind in PLAIN:
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


class Names(dict[str, str]):
    """Good names of one field, each kept once; what is looked up and missing is checked and kept.

    Experiments and variants are few. A lookup is cheaper than the checks, and a queue of a
    million events holds each name once.
    """

    MOST = 10_000

    def __init__(self, limit: int) -> None:
        """Take names of 1 to ``limit`` characters."""
        super().__init__()
        self._limit = limit

    def __missing__(self, name: object) -> str | None:
        """Return the name, or None when it is not a good one."""
        if type(name) is not str or not 0 < len(name) <= self._limit:
            return None
        if len(self) >= self.MOST:
            self.clear()
        return self.setdefault(name, name)


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
        **{f"{name}s": Names(routing_limits[name]) for name in FEW if name in conditions},
        "CORRELATION_LIMIT": routing_limits["correlation_id"],
        "PLAIN": PLAIN,
        "Record": Record,
        "Sealed": Sealed,
        "UTC": UTC,
        "carefully": carefully,
        "datetime": datetime,
        "encode": msgspec.json.Encoder().encode,
        "event_type": intern(registered.name),
        "is_plain": is_plain,
        "max_bytes": max_bytes,
        "too_large": too_large,
        "traceparent_now": traceparent,
        "version": intern(registered.version),
    }
    tests = {name: test for name, (test, _) in conditions.items()}
    source = _source(tests, traced=traceparent is not None)
    exec(source, namespace)  # noqa: S102 - made of field names, which are identifiers
    seal: Seal = namespace["seal"]
    return seal


FEW = ("experiment_name", "variant_key", "previous_variant_key", "new_variant_key")
"""Fields of which there are few different values."""

_GIVE_UP = "return carefully(event, event_id, correlation_id, metadata)"

_FREE = """\
    {0} = event.{0}
    if {0} is not {2}:
        if type({0}) is not dict:
            {1}
        for key, value in {0}.items():
            if type(value) not in PLAIN or type(key) is not str:
                if not is_plain({0}):
                    {1}
                break
"""

_REST = """\
    if metadata is not None and not (type(metadata) is dict and is_plain(metadata)):
        {0}
    if correlation_id is not None and not (
        type(correlation_id) is str and 0 < len(correlation_id) <= CORRELATION_LIMIT
    ):
        {0}
    traceparent = {1}
    try:
        body = encode(Sealed(event_id, timestamp, event_type, version, event,
                             correlation_id, metadata, traceparent))
    except (UnicodeError, TypeError, ValueError):
        {0}
    if len(body) > max_bytes:
        raise too_large(len(body), max_bytes)
    return Record(body, event_type, version, {2}, correlation_id, traceparent)
"""


def _source(tests: dict[str, str], *, traced: bool) -> str:
    lines = ["def seal(event, event_id, correlation_id, metadata):\n"]
    for name, test in tests.items():
        if test in ("free", "optional free"):
            lines.append(_FREE.format(name, _GIVE_UP, "..." if test == "free" else "None"))
        elif test == "few":
            # An unhashable value is no good name either.
            lines.append(
                f"    try:\n        {name} = {name}s[event.{name}]\n"
                f"    except TypeError:\n        {_GIVE_UP}\n"
                f"    if {name} is None:\n        {_GIVE_UP}\n"
            )
        else:
            lines.append(f"    {name} = event.{name}\n    if not ({test}):\n        {_GIVE_UP}\n")
    if "timestamp" not in tests:
        lines.append("    timestamp = datetime.now(UTC)\n")
    variant = "new_variant_key" if "new_variant_key" in tests else "variant_key"
    wanted = ("experiment_name", variant, "subject_id", "tenant_id")
    routing = ", ".join(name if name in tests else "None" for name in wanted)
    traceparent = "traceparent_now()" if traced else "None"
    return "".join([*lines, _REST.format(_GIVE_UP, traceparent, routing)])


def _conditions(payload: type[msgspec.Struct]) -> dict[str, tuple[str, type | None]] | None:
    """Return each field's test and the class it names; None if some field has no certain test."""
    info = inspect.type_info(payload)
    if not isinstance(info, inspect.StructType) or info.tag is not None or info.array_like:
        return None
    conditions: dict[str, tuple[str, type | None]] = {}
    for field in info.fields:
        kind = field.type
        if field.name in FEW and kind == inspect.StrType():
            conditions[field.name] = ("few", None)
            continue
        members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        tests = [_test(field.name, member) for member in members]
        if "free" in tests:
            if set(tests) - {"free", f"{field.name} is None"}:
                return None
            optional = "optional free" if len(tests) > 1 else "free"
            conditions[field.name] = (optional, None)
            continue
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
            return f"type({name}) is int"
        case inspect.DateTimeType(tz=None):
            return f"type({name}) is datetime and {name}.tzinfo is UTC"
        case inspect.EnumType():
            return f"type({name}) is kind_{name}"
        case inspect.DictType(
            key_type=inspect.StrType(), value_type=inspect.AnyType(), max_length=None
        ):
            return "free"
    return None
