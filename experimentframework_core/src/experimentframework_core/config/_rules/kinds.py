"""Rules of nodes that have a ``type``: what it needs, what has no effect, what a package says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.config._problems.report import listed
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.config._walk.kinds import FAMILIES
from experimentframework_core.config._walk.plugin_rules import check_breaches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import inspect

    from experimentframework_core.config._walk.kinds import Kind
    from experimentframework_core.config._walk.parts import Part


def kind_breaches(part: Part) -> Iterator[Breach]:
    """Yield what a node lacks by its type, and what it says that its type does not read."""
    family = FAMILIES.get(type(part.value))
    if family is None or part.kind is None:
        return
    named = f"{family.what} '{getattr(part.value, 'type', '')}'"
    reads = (f"{part.path}.type",)
    for field in fields_of(type(part.value)):
        key = field.encode_name
        said = _is_said(field, getattr(part.value, field.name))
        if said and key in family.own_keys and key not in part.kind.keys:
            message = f"has no effect on the {named}; {_instead(part.kind)}"
            yield Breach(f"{part.path}.{key}", message, reads, part.path)
        if not said and key in part.kind.needs:
            how_many = "at least 1" if field.default == () else "it"
            message = f"missing; the {named} needs {how_many}"
            yield Breach(f"{part.path}.{key}", message, reads, part.path)
    if part.kind.check is not None and part.options is not None:
        yield from check_breaches(part.kind.check, part.options, part.path)


def _is_said(field: inspect.Field, value: object) -> bool:
    """Tell whether a field's value is not its default."""
    if field.default_factory is not msgspec.NODEFAULT:
        return bool(value)
    return bool(value != field.default)


def _instead(kind: Kind) -> str:
    return f"expected {listed(kind.keys)}" if kind.keys else "leave it out"
