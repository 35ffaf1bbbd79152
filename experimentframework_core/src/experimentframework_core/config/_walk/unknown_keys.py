"""Words a key that a mapping does not have: which was meant, or where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import inspect

from experimentframework_core.config._problems.report import letters, listed, shown, unknown
from experimentframework_core.config._walk.describe import alternatives, unwrapped
from experimentframework_core.config._walk.field_types import fields_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import msgspec

_MOST_SUGGESTED = 3


def unknown_key(key: str, known: Collection[str], struct: type[msgspec.Struct]) -> str:
    """Word the problem of a key that is not one of ``known``.

    Args:
        key: The key.
        known: The keys that may stand there.
        struct: The class of the mapping; in its sections is looked for the key, too.
    """
    if "${" in key:
        return f"unknown key {shown(key)}; ${{…}} is replaced in values only, never in keys"
    spelled = letters(key)
    inside = [
        f"'{name}'" for name in _keys_inside(struct) if letters(name.split(".")[1]) == spelled
    ]
    if inside and spelled not in map(letters, known):
        return f"unknown key {shown(key)}; did you mean {listed(inside[:_MOST_SUGGESTED])}?"
    return unknown("key", key, known)


def _keys_inside(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Yield each key of each section in ``struct``, as ``buffer.path``."""
    for field in fields_of(struct):
        bare, _ = unwrapped(field.type)
        kinds = alternatives(bare) if isinstance(bare, inspect.UnionType) else [bare]
        for kind in kinds:
            if isinstance(kind, inspect.StructType):
                for each in fields_of(kind.cls):
                    yield f"{field.encode_name}.{each.encode_name}"
