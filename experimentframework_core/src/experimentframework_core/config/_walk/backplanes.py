"""Walks backplane nodes: their options have the type that their plugin says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import inspect

from experimentframework_core.config._model.data_plane import (
    BackplaneOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
)
from experimentframework_core.config._problems.breach import note
from experimentframework_core.config._problems.report import (
    LATER,
    Report,
    letters,
    listed,
    nearest,
    shown,
)
from experimentframework_core.config._tree import Mapping
from experimentframework_core.config._walk.field_types import keys_of, type_of
from experimentframework_core.config._walk.plugin_rules import dead_letter_breaches
from experimentframework_core.config._walk.scalars import is_absent, text_of
from experimentframework_core.config._walk.walk import At, Walk
from experimentframework_core.errors import PluginError, PluginNotFoundError
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings

FindPlugin: TypeAlias = Callable[[str], BackplanePlugin[Any]]
"""Returns the plugin of a backplane type, or raises PluginError."""

GROUPS = ("composite", "failover")
"""The types that are made of other backplanes and have no plugin."""

LETTER_FILES = ("sqlite", "file")
"""The types of ``deadLetter`` that are no backplanes."""

_LATER_TYPES = ("openTelemetry",)


class Found(NamedTuple):
    """A backplane node that could be read.

    Attributes:
        path: Where it stands.
        node: What it says.
        plugin: Its type's plugin; None for a group, and where there is none.
        options: Its options, or all defaults; None where they have problems.
        inside: The types of the groups around it, the outermost first.
    """

    path: str
    node: BackplaneOptions
    plugin: BackplanePlugin[Any] | None
    options: ChannelSettings | None
    inside: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.node.name or self.node.type


class PlaneWalk(Walk):
    """Walks a data plane and gathers its backplanes.

    Attributes:
        found: The backplanes that could be read, each after those that it is made of.
    """

    def __init__(self, report: Report, find_plugin: FindPlugin, *, in_python: bool = False) -> None:
        """Look up plugins with ``find_plugin``."""
        super().__init__(report, in_python=in_python)
        self.found: list[Found] = []
        self._find_plugin = find_plugin
        self._plugins: dict[str, BackplanePlugin[Any] | PluginError] = {}
        self._inside: tuple[str, ...] = ()

    def struct(self, node: Mapping, kind: inspect.StructType, at: At) -> object:
        """Return the object; a backplane is gathered with its plugin."""
        if kind.cls is DeadLetterOptions:
            return self._dead_letter(node, kind, at)
        if kind.cls is not BackplaneOptions:
            return super().struct(node, kind, at)
        named = text_of(node.get("type"))
        around, self._inside = self._inside, (*self._inside, named or "")
        built = super().struct(node, kind, at)
        self._inside = around
        if isinstance(built, BackplaneOptions):
            plugin = self._plugin(built.type)
            options: object = built.options
            if plugin and is_absent(node.get("options")):
                options = self._unsaid(plugin, at)
            known = options if isinstance(options, ChannelSettings) else None
            self.found.append(Found(at.path, built, plugin, known, around))
        return built

    def _unsaid(self, plugin: BackplanePlugin[Any], at: At) -> object:
        """Return a plugin's options where none are said; what is required is missing then."""
        unsaid = Mapping((), origin=plugin.options)
        return self.convert(unsaid, _options_type(plugin), at.below("options", at.place))

    def _dead_letter(self, node: Mapping, kind: inspect.StructType, at: At) -> object:
        built = super().struct(node, kind, at)
        if not isinstance(built, DeadLetterOptions) or built.type in LETTER_FILES:
            return built
        plugin = self._plugin(built.type)
        if plugin is not None:
            absent = is_absent(node.get("options"))
            options = self._unsaid(plugin, at) if absent else built.options
            if isinstance(options, ChannelSettings):
                note(dead_letter_breaches(plugin, options, at.path), self.report)
        return built

    def field_type(
        self, node: Mapping, kind: inspect.StructType, field: inspect.Field, at: At
    ) -> inspect.Type | None:
        """Return the plugin's own type for options; None where there is nothing to compare."""
        named = text_of(node.get("type"))
        if field.name != "options" or kind.cls not in (BackplaneOptions, DeadLetterOptions):
            return field.type
        if kind.cls is DeadLetterOptions and named in (None, *LETTER_FILES):
            return inspect.UnionType((type_of(DeadLetterStoreOptions), inspect.NoneType()))
        if kind.cls is BackplaneOptions and named in GROUPS and not is_absent(node.get("options")):
            self.report.add(*at, f"a {named} has no options; say them on each of its backplanes")
        plugin = self._plugin(named)
        return inspect.UnionType((_options_type(plugin), inspect.NoneType())) if plugin else None

    def field_value(
        self, kind: inspect.StructType, field: inspect.Field, value: object, at: At
    ) -> None:
        """Refuse a backplane type that is not installed."""
        if (kind.cls, field.name) == (BackplaneOptions, "type"):
            self._check_type(str(value), GROUPS, at)
        if (kind.cls, field.name) == (DeadLetterOptions, "type") and value not in LETTER_FILES:
            self._check_letters(str(value), at)

    def unknown_key(self, node: Mapping, kind: inspect.StructType, key: str) -> str:
        """Say of a key that belongs one level up or down that it does."""
        named = text_of(node.get("type"))
        if kind.cls in (BackplaneOptions, DeadLetterOptions) and key in self._options_keys(named):
            return f"an option of '{named}'; say it in options"
        if issubclass(kind.cls, ChannelSettings) and key in keys_of(BackplaneOptions):
            return "a setting of the backplane; say it beside options"
        if instead := self._instead(kind.cls, key):
            return f"unknown key {shown(key)}; say {instead}"
        if kind.cls is not DataPlaneOptions and key in keys_of(DataPlaneOptions):
            return "a setting of dataPlane; say it there"
        backplane = node.get("backplane") if kind.cls is DataPlaneOptions else None
        below = text_of(backplane.get("type")) if isinstance(backplane, Mapping) else None
        if key in self._options_keys(below):
            return f"an option of '{below}'; say it in backplane.options"
        return super().unknown_key(node, kind, key)

    def _instead(self, options: type[msgspec.Struct], key: str) -> str | None:
        """Return what to say for an option that other clients call ``key``."""
        known = (each for each in self._plugins.values() if isinstance(each, BackplanePlugin))
        plugin = next((each for each in known if each.options is options), None)
        names = plugin.other_names if plugin else {}
        spelled = {_in_any_spelling(name): instead for name, instead in names.items()}
        return spelled.get(_in_any_spelling(key))

    def missing(self, kind: inspect.StructType, field: inspect.Field) -> str:
        """Return what is expected; of a type, what one looks like."""
        if (kind.cls, field.name) == (BackplaneOptions, "type"):
            return listed([*GROUPS, "an installed type as in inMemory"])
        return super().missing(kind, field)

    def _options_keys(self, named: str | None) -> list[str]:
        plugin = self._plugin(named)
        return keys_of(plugin.options) if plugin else []

    def _check_letters(self, named: str, at: At) -> None:
        if named in GROUPS:
            message = f"a {named} cannot take dead letters; expected sqlite, file or one backplane"
            self.report.add(*at, message)
        else:
            self._check_type(named, LETTER_FILES, at)

    def _check_type(self, named: str, others: tuple[str, ...], at: At) -> None:
        if named in _LATER_TYPES:
            self.report.add(*at, f"{shown(named)} {LATER}")
        self._plugin(named)
        failure = self._plugins.get(named)
        if isinstance(failure, PluginNotFoundError):
            meant = nearest(named, others)
            mend = f"; did you mean '{meant}'?" if meant else ""
            self.report.add(*at, f"{failure}; always there: {', '.join(others)}{mend}")
        elif isinstance(failure, PluginError):
            self.report.add(*at, str(failure))

    def _plugin(self, named: str | None) -> BackplanePlugin[Any] | None:
        """Return the plugin of a type, looked up once; None where there is none."""
        if named is None or named in (*GROUPS, *_LATER_TYPES):
            return None
        if named not in self._plugins:
            self._plugins[named] = self._looked_up(named)
        known = self._plugins[named]
        return None if isinstance(known, PluginError) else known

    def _looked_up(self, named: str) -> BackplanePlugin[Any] | PluginError:
        try:
            plugin = self._find_plugin(named)
            _options_type(plugin)
        except PluginError as error:
            return error
        except TypeError as error:
            message = f"the options of the backplane type '{named}' cannot be read: {error}"
            return PluginError(message, plugin=named)
        return plugin


def _in_any_spelling(name: str) -> str:
    return letters(name).replace(".", "")


def _options_type(plugin: BackplanePlugin[Any]) -> inspect.Type:
    options: type[ChannelSettings] = plugin.options
    return type_of(options)
