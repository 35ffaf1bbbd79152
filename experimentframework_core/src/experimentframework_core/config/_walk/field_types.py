"""The fields of an options class as msgspec sees them, but choices in declared order."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect


@lru_cache(maxsize=256)
def type_of(struct: type[msgspec.Struct]) -> inspect.Type:
    """Return the type of ``struct``; kept, because it takes msgspec milliseconds to find out."""
    return inspect.type_info(struct)


@lru_cache(maxsize=256)
def fields_of(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    """Return the fields of ``struct`` with their types.

    Raises:
        TypeError: A field has a type that msgspec does not know.
    """
    kind = type_of(struct)
    if not isinstance(kind, inspect.StructType):
        raise TypeError(f"{struct!r} is not a msgspec.Struct")
    declared = {field.name: _literals(field.type) for field in msgspec.structs.fields(struct)}
    return tuple(
        msgspec.structs.replace(field, type=_ordered(field.type, declared[field.name]))
        for field in kind.fields
    )


def keys_of(struct: type[msgspec.Struct]) -> list[str]:
    """Return the keys of ``struct`` in a document."""
    return [field.encode_name for field in fields_of(struct)]


def _literals(annotation: object) -> list[Any]:
    """Return what stands in the annotation's ``Literal``, in order; msgspec sorts it."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for part in get_args(annotation) for value in _literals(part)]


def _ordered(kind: inspect.Type, declared: list[Any]) -> inspect.Type:
    if isinstance(kind, inspect.LiteralType):
        values = tuple(sorted(kind.values, key=declared.index))
        return msgspec.structs.replace(kind, values=values)
    if isinstance(kind, inspect.UnionType):
        types = tuple(_ordered(each, declared) for each in kind.types)
        return msgspec.structs.replace(kind, types=types)
    changed = {
        name: _ordered(getattr(kind, name), declared)
        for name in ("type", "item_type", "key_type", "value_type")
        if hasattr(kind, name)
    }
    return msgspec.structs.replace(kind, **changed) if changed else kind
