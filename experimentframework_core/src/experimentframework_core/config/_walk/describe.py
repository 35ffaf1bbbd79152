"""Says in words what a type expects and what a node is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import inspect

from experimentframework_core.config._problems.report import listed, shown
from experimentframework_core.config._tree import Items, Mapping
from experimentframework_core.config._walk.scalars import meaning
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config._tree import Node

LISTS = (
    inspect.ListType,
    inspect.VarTupleType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.CollectionType,
)

_UNITS = {
    "duration": "milliseconds, or a duration as in 250ms, 10s, 5m, 2h or 1d",
    "size": "bytes, or a size as in 64KiB, 1MiB or 1GB",
}
_NAMES: dict[type, str] = {
    inspect.BoolType: "true or false",
    inspect.DateTimeType: "a date and time as in 2026-01-31T12:00:00Z",
    inspect.DateType: "a date as in 2026-01-31",
    inspect.DecimalType: "a decimal number",
    inspect.DictType: "a mapping",
    inspect.NoneType: "null",
    inspect.StrType: "text",
    inspect.StructType: "a mapping",
    inspect.TimeType: "a time as in 12:00:00",
    inspect.UUIDType: "a UUID",
}


def expected(kind: inspect.Type) -> str:
    """Return what to write for ``kind``, as in ``a whole number, at least 1``."""
    if said := _words(kind, "expected"):
        return said
    kind, unit = unwrapped(kind)
    if isinstance(kind, inspect.UnionType):
        return listed([expected(each) for each in alternatives(kind)])
    if isinstance(kind, inspect.LiteralType | inspect.EnumType):
        return listed([str(choice) for choice in choices(kind)])
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return ", ".join([_number(kind, unit), *(() if unit in _UNITS else _bounds(kind))])
    if isinstance(kind, inspect.CustomType):
        return "text" if kind.cls is Secret else f"a {kind.cls.__name__}"
    return ", ".join([_name(kind), *_lengths(kind)])


def expected_shape(kind: inspect.Type) -> str:
    """Return what to write for a text of ``kind``, where a text is given of another shape."""
    return _words(kind, "shape") or expected(kind)


def _words(kind: inspect.Type, key: str) -> str | None:
    extra = kind.extra if isinstance(kind, inspect.Metadata) else None
    return (extra or {}).get(key)


def actual(node: Node, *, hidden: bool = False) -> str:
    """Return what ``node`` is, as in ``text 'abc'``; of a ``hidden`` one only its kind.

    A value from the environment is shown as the expression that was written for it.
    """
    if isinstance(node, Mapping):
        return node.origin.__name__ if node.origin else "mapping"
    if isinstance(node, Items):
        return "list"
    kind = _kind(meaning(node))
    if hidden or kind == "null":
        return kind
    if node.written is not None:
        return f"value of {shown(node.written)}"
    if isinstance(node.value, str):
        return f"{kind} {shown(node.value) if kind == 'text' else node.value[:60]}"
    return f"{kind} {node.value}" if kind in {"number", "boolean"} else kind


def choices(kind: inspect.LiteralType | inspect.EnumType) -> tuple[Any, ...]:
    """Return the values that ``kind`` may have, as written in a document, in declared order."""
    if isinstance(kind, inspect.EnumType):
        return tuple(member.value for member in kind.cls)
    return kind.values


def alternatives(kind: inspect.UnionType) -> list[inspect.Type]:
    """Return the types of a union without None."""
    return [each for each in kind.types if not isinstance(each, inspect.NoneType)]


def unwrapped(kind: inspect.Type) -> tuple[inspect.Type, str | None]:
    """Return ``kind`` without its metadata, and its unit if it has one."""
    unit = None
    while isinstance(kind, inspect.Metadata):
        unit = (kind.extra or {}).get("unit", unit)
        kind = kind.type
    return kind, unit


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _number(kind: inspect.IntType | inspect.FloatType, unit: str | None) -> str:
    if unit in _UNITS:
        return f"{kind.ge or 0:,} or more {_UNITS[unit]}"
    return "a whole number" if isinstance(kind, inspect.IntType) else "a number"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> Iterator[str]:
    if kind.ge is not None and kind.le is not None:
        yield f"{kind.ge:,} to {kind.le:,}"
    elif kind.ge:
        yield f"at least {kind.ge:,}"
    elif kind.ge == 0:
        yield "not negative"
    elif kind.le is not None:
        yield f"at most {kind.le:,}"
    if kind.gt is not None:
        yield f"more than {kind.gt:,}"
    if kind.lt is not None:
        yield f"less than {kind.lt:,}"
    if kind.multiple_of is not None:
        yield f"a multiple of {kind.multiple_of:,}"


def _name(kind: inspect.Type) -> str:
    if isinstance(kind, LISTS):
        return "a list"
    if isinstance(kind, inspect.TupleType):
        return f"a list of {len(kind.item_types)}"
    return _NAMES.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def _lengths(kind: inspect.Type) -> Iterator[str]:
    what = "character" if isinstance(kind, inspect.StrType) else "item"
    least, most = getattr(kind, "min_length", None), getattr(kind, "max_length", None)
    if least:
        yield f"at least {least:,} {what}{'s' if least > 1 else ''}"
    if most is not None:
        yield f"at most {most:,} {what}{'s' if most > 1 else ''}"
    if pattern := getattr(kind, "pattern", None):
        yield f"matching {pattern}"


def takes_text(kind: inspect.Type) -> bool:
    """Tell whether ``kind`` is free text."""
    bare, _ = unwrapped(kind)
    return isinstance(bare, inspect.StrType) or (
        isinstance(bare, inspect.CustomType) and bare.cls is Secret
    )


def shows_values(kind: inspect.Type) -> bool:
    """Tell whether a problem may show the value that was given for ``kind``: never a secret's.

    A text where a mapping or list belongs may be a secret in the wrong place.
    """
    bare, _ = unwrapped(kind)
    if isinstance(bare, inspect.UnionType):
        return all(shows_values(each) for each in alternatives(bare))
    return not isinstance(
        bare,
        (inspect.CustomType, inspect.StructType, inspect.DictType, inspect.TupleType, *LISTS),
    )
