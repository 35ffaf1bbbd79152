"""Walks the sections around ``dataPlane``: what a node may say goes by its ``type``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import inspect

from experimentframework_core.config._model.experiments import ExperimentOptions
from experimentframework_core.config._problems.report import listed
from experimentframework_core.config._tree import Mapping
from experimentframework_core.config._walk.field_types import keys_of, type_of
from experimentframework_core.config._walk.kinds import (
    FAMILIES,
    AnyKeys,
    Kind,
    kind_named,
    types_of,
)
from experimentframework_core.config._walk.scalars import is_absent, text_of
from experimentframework_core.config._walk.unknown_keys import unknown_key
from experimentframework_core.config._walk.walk import INVALID, At, Walk
from experimentframework_core.errors import PluginError

if TYPE_CHECKING:
    from experimentframework_core.config._problems.report import Report

_FREE = inspect.DictType(inspect.StrType(), inspect.AnyType())


class Part(NamedTuple):
    """A node that could be read.

    Attributes:
        path: Where it stands.
        value: What it says.
        kind: What its type allows; None where it has no type, or an unknown one.
        options: Its options, or all defaults; None where it has none, or they have problems.
    """

    path: str
    value: msgspec.Struct
    kind: Kind | None
    options: object


class PartWalk(Walk):
    """Walks a section and gathers its nodes.

    Attributes:
        parts: The nodes that could be read, each after those inside it.
        names: The path and name of each experiment, also of those that could not be read.
    """

    def __init__(self, report: Report, *, in_python: bool = False) -> None:
        """Note problems in ``report``."""
        super().__init__(report, in_python=in_python)
        self.parts: list[Part] = []
        self.names: list[tuple[str, str]] = []
        self._kinds: dict[tuple[type, str], Kind | PluginError] = {}

    def struct(self, node: Mapping, kind: inspect.StructType, at: At) -> object:
        """Return the object; it is gathered with what its type allows."""
        built = super().struct(node, kind, at)
        if isinstance(built, msgspec.Struct):
            allowed = self._kind(node, kind.cls)
            options: object = getattr(built, "options", None)
            if allowed and allowed.options and is_absent(node.get("options")):
                options = self._unsaid(allowed, at)
            known = None if options is INVALID else options
            self.parts.append(Part(at.path, built, allowed, known))
        return built

    def field_type(
        self, node: Mapping, kind: inspect.StructType, field: inspect.Field, at: At
    ) -> inspect.Type | None:
        """Return the type of options by the node's type; None where there is nothing to compare."""
        if field.name != "options" or kind.cls not in FAMILIES:
            return field.type
        allowed = self._kind(node, kind.cls)
        if allowed is None:
            return None
        if allowed.options is None:
            if not is_absent(node.get("options")):
                what, named = FAMILIES[kind.cls].what, text_of(node.get("type"))
                self.report.add(*at, f"the {what} '{named}' has no options; leave it out")
            return None
        return inspect.UnionType((_type_of(allowed.options), inspect.NoneType()))

    def field_value(
        self, kind: inspect.StructType, field: inspect.Field, value: object, at: At
    ) -> None:
        """Refuse a type that is not there; gather the names of experiments."""
        if field.name == "type" and kind.cls in FAMILIES:
            known = self._looked_up(kind.cls, str(value))
            if isinstance(known, PluginError):
                self.report.add(*at, str(known))
        if field.name == "name" and kind.cls is ExperimentOptions:
            self.names.append((at.path, str(value)))

    def unknown_key(self, node: Mapping, kind: inspect.StructType, key: str) -> str:
        """Say of a key that belongs one level down that it does; else suggest what may be said."""
        allowed = self._kind(node, kind.cls)
        if allowed is None:
            return super().unknown_key(node, kind, key)
        inside = allowed.options
        if inside is not None and inside is not AnyKeys and key in keys_of(inside):
            return f"an option of '{text_of(node.get('type'))}'; say it in options"
        others = FAMILIES[kind.cls].own_keys.difference(allowed.keys)
        return unknown_key(
            key, [each for each in keys_of(kind.cls) if each not in others], kind.cls
        )

    def missing(self, kind: inspect.StructType, field: inspect.Field) -> str:
        """Return what is expected; of a type, which there are."""
        if field.name == "type" and kind.cls in FAMILIES:
            return listed(types_of(FAMILIES[kind.cls]))
        return super().missing(kind, field)

    def _unsaid(self, allowed: Kind, at: At) -> object:
        """Return options where none are said; what is required is missing then."""
        unsaid = Mapping((), origin=allowed.options)
        return self.convert(unsaid, _type_of(allowed.options), at.below("options", at.place))

    def _kind(self, node: Mapping, owner: type[Any]) -> Kind | None:
        named = text_of(node.get("type")) if owner in FAMILIES else None
        known = self._looked_up(owner, named) if named else None
        return known if isinstance(known, Kind) else None

    def _looked_up(self, owner: type[Any], named: str) -> Kind | PluginError:
        """Return what a type allows, looked up once."""
        if (owner, named) not in self._kinds:
            self._kinds[owner, named] = _look_up(owner, named)
        return self._kinds[owner, named]


def _look_up(owner: type[Any], named: str) -> Kind | PluginError:
    family = FAMILIES[owner]
    try:
        kind = kind_named(family, named)
        _type_of(kind.options)
    except PluginError as error:
        return error
    except TypeError as error:
        message = f"the options of the {family.what} '{named}' cannot be read: {error}"
        return PluginError(message, plugin=named)
    return kind


def _type_of(options: type[msgspec.Struct] | None) -> inspect.Type:
    if options is None:
        return inspect.NoneType()
    return _FREE if options is AnyKeys else type_of(options)
