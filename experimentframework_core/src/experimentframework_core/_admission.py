"""Fast checks, compiled once for each payload class, that an event can be written as it is.

A check that passes is a promise: the event encodes, and decodes to an equal one. What does not
pass may still be good; the codec then looks thoroughly, and names the field that is not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from experimentframework_core.events import routing_limits

if TYPE_CHECKING:
    from collections.abc import Callable

Facts = tuple[datetime | None, str | None, str | None, str | None, str | None]
"""Timestamp, experiment, variant, subject, tenant."""

_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1


MOST_DEPTH = 32
"""How deep plain values are followed; the codec's own limit is deeper."""


def is_plain(values: dict[Any, Any], depth: int = MOST_DEPTH) -> bool:
    """Return whether a free mapping holds nothing but text keys and plain JSON values."""
    for key, value in values.items():
        if type(key) is not str:
            return False
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if kind is int and _SMALLEST <= value <= _LARGEST:
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


def compile_check(payload: type[msgspec.Struct]) -> Callable[[Any], Facts | None]:
    """Return a function that gives a payload's routing facts, or None when it is not sure of it.

    The function is generated source, as dataclasses and attrs do it: eleven fields take a third
    of the time that a loop over them takes.
    """
    fields = {field.name: field.type for field in _fields(payload)}
    lines = ["def check(event):"]
    namespace: dict[str, Any] = {"datetime": datetime, "UTC": UTC, "is_plain": is_plain}
    for name, kind in fields.items():
        condition = _condition(name, kind, namespace)
        if condition is None:
            return lambda _event: None
        lines += [f"    {name} = event.{name}", f"    if not ({condition}):", "        return None"]
    variant = "new_variant_key" if "new_variant_key" in fields else "variant_key"
    facts = ("timestamp", "experiment_name", variant, "subject_id", "tenant_id")
    lines.append(f"    return {', '.join(name if name in fields else 'None' for name in facts)}")
    exec("\n".join(lines), namespace)  # noqa: S102 - made of field names, which are identifiers
    check: Callable[[Any], Facts | None] = namespace["check"]
    return check


def _fields(payload: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(payload)
    return info.fields if isinstance(info, inspect.StructType) and not info.tag else ()


def _condition(name: str, kind: inspect.Type, namespace: dict[str, Any]) -> str | None:
    """Return the source of a test of the local variable ``name``; None if none is certain."""
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    tests = [_test(name, member, namespace) for member in members]
    if None in tests:
        return None
    return " or ".join(f"({test})" for test in sorted(tests, key=lambda t: t != _NONE.format(name)))


_NONE = "{0} is None"


def _test(  # noqa: PLR0911 - a table of types
    name: str, kind: inspect.Type, namespace: dict[str, Any]
) -> str | None:
    match kind:
        case inspect.NoneType():
            return _NONE.format(name)
        case inspect.StrType(min_length=None, max_length=None, pattern=None):
            limit = routing_limits.get(name)
            length = f" and 0 < len({name}) <= {limit}" if limit else ""
            return f"type({name}) is str{length}"
        case inspect.BoolType():
            return f"{name} is True or {name} is False"
        case inspect.FloatType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return f"type({name}) is float and {name} - {name} == 0.0"
        case inspect.IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return f"type({name}) is int and {_SMALLEST} <= {name} <= {_LARGEST}"
        case inspect.DateTimeType(tz=None):
            return f"type({name}) is datetime and {name}.tzinfo is UTC"
        case inspect.EnumType(cls=cls):
            namespace[f"enum_{name}"] = cls
            return f"type({name}) is enum_{name}"
        case inspect.DictType(key_type=inspect.StrType(), value_type=inspect.AnyType()):
            return f"type({name}) is dict and is_plain({name})"
    return None
