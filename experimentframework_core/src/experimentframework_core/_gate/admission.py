"""Certain tests that an event has a wire form as it is: for generated code, and for mappings.

A test that passes is a promise: the value encodes, and decodes to an equal one. What does not
pass may still be good, and is looked at with care elsewhere.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Any

import msgspec
from msgspec import inspect

from experimentframework_core.events import routing_limits

PLAIN = frozenset({str, int, bool, type(None)})
"""The classes of which every value has a wire form; text may still fail to encode."""

MOST_DEPTH = 32
"""How deep plain values are followed here; the codec's own limit is deeper."""

FEW = ("experiment_name", "variant_key", "previous_variant_key", "new_variant_key")
"""Fields of which there are few different values."""


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


def expect_plain(values: dict[Any, Any]) -> None:
    """Raise ValueError where `is_plain` says no."""
    if not is_plain(values):
        raise ValueError


def _is_plain_container(value: object, depth: int) -> bool:
    if depth == 0:
        return False
    if type(value) is dict:
        return is_plain(value, depth - 1)
    if type(value) is list:
        return is_plain({str(place): each for place, each in enumerate(value)}, depth - 1)
    return False


class Names:
    """Good names of one field, each kept once.

    Experiments and variants are few. A lookup is cheaper than the checks, and a queue of a
    million events holds each name once.

    Attributes:
        known: The names that were checked, each by itself; what is missing may be good too.
    """

    MOST = 10_000

    def __init__(self, limit: int) -> None:
        """Take names of 1 to ``limit`` characters."""
        self.known: dict[str, str] = {}
        self._limit = limit

    def meet(self, name: object) -> str:
        """Check and keep a name that is not known; raise ValueError when it is not a good one."""
        if type(name) is not str or not 0 < len(name) <= self._limit:
            raise ValueError
        if len(self.known) >= self.MOST:
            self.known.clear()
        return self.known.setdefault(name, name)


class Test(msgspec.Struct, frozen=True):
    """How one field is tested.

    Attributes:
        source: An expression of the local variable ``f_NAME``; None for the two other ways.
        cls: The class that the expression calls ``KIND_NAME``, if it does.
        few: The field is a name to be looked up in `Names`.
        free: The field is a free mapping.
        optional: A free mapping that may be None.
    """

    source: str | None = None
    cls: type | None = None
    few: bool = False
    free: bool = False
    optional: bool = False


def tests_of(payload: type[msgspec.Struct]) -> dict[str, Test] | None:
    """Return each field's test; None if some field has no certain one."""
    info = inspect.type_info(payload)
    if not isinstance(info, inspect.StructType) or info.tag is not None or info.array_like:
        return None
    if {"variant_key", "new_variant_key"} <= {field.name for field in info.fields}:
        return None
    found: dict[str, Test] = {}
    for field in info.fields:
        if not _is_usable(field):
            return None
        test = _test_of(field.name, field.type)
        if test is None:
            return None
        found[field.name] = test
    return found


def _is_usable(field: inspect.Field) -> bool:
    """Return whether generated code can name the field, and take its value for routing."""
    if field.name == "timestamp":
        return field.type == inspect.DateTimeType()
    if field.name in routing_limits:
        kind = field.type
        members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        return all(isinstance(member, inspect.StrType | inspect.NoneType) for member in members)
    return not iskeyword(field.name)


def _test_of(name: str, kind: inspect.Type) -> Test | None:
    if name in FEW and kind == inspect.StrType():
        return Test(few=True)
    members = list(kind.types if isinstance(kind, inspect.UnionType) else (kind,))
    optional = inspect.NoneType() in members
    members = [member for member in members if member != inspect.NoneType()]
    if len(members) == 1 and _is_free(members[0]):
        return Test(free=True, optional=optional)
    sources = [_expression(name, member) for member in members]
    classes = [member.cls for member in members if isinstance(member, inspect.EnumType)]
    if None in sources or len(classes) > 1:
        return None
    parts = [f"f_{name} is None"] if optional else []
    parts += [f"({source})" for source in sources]
    return Test(source=" or ".join(parts), cls=classes[0] if classes else None)


def _is_free(kind: inspect.Type) -> bool:
    return kind == inspect.DictType(inspect.StrType(), inspect.AnyType())


def _expression(  # noqa: PLR0911 - a table of types
    name: str, kind: inspect.Type
) -> str | None:
    """Return the source of a test of the local variable ``f_NAME``; None if none is certain."""
    limit = routing_limits.get(name)
    match kind:
        case inspect.StrType(min_length=None, max_length=None, pattern=None):
            length = f" and f_{name} and len(f_{name}) <= {limit}" if limit else ""
            return f"type(f_{name}) is str{length}"
        case inspect.BoolType():
            return f"f_{name} is True or f_{name} is False"
        case inspect.FloatType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return f"type(f_{name}) is float and f_{name} - f_{name} == 0.0"
        case inspect.IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return f"type(f_{name}) is int"
        case inspect.DateTimeType(tz=None):
            return f"type(f_{name}) is datetime and f_{name}.tzinfo is UTC"
        case inspect.EnumType():
            return f"type(f_{name}) is KIND_{name}"
    return None
