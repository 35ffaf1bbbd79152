"""Finds the installed backplane plugins by their entry points, and loads the one that is named."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.errors import PluginError, PluginNotFoundError
from experimentframework_core.plugin import BackplanePlugin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

entry_point_group = "experimentframework.backplanes"
"""The entry point group in which a distribution offers its backplane types."""

_extra_of_type = {"kafka": "kafka", "azureServiceBus": "servicebus", "sqlServer": "sqlserver"}


class InstalledPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """One backplane type that an installed distribution claims, loaded or not loadable.

    Attributes:
        type: The type, as a configuration names it.
        distribution: The distribution that offers it.
        version: The distribution's version.
        plugin: The plugin; None when it cannot be used.
        error: Why it cannot be used; None when it can.
    """

    type: str
    distribution: str
    version: str
    plugin: BackplanePlugin[Any] | None = None
    error: str | None = None


def find_plugin(type_name: str) -> BackplanePlugin[Any]:
    """Load the plugin of one backplane type; no other plugin is imported.

    Args:
        type_name: The ``type`` of a backplane, as in a configuration.

    Raises:
        PluginNotFoundError: No installed distribution offers the type. The message says what to
            install, or which installed type was probably meant.
        PluginError: Several distributions offer the type, or its plugin cannot be loaded.
    """
    installed = _entry_points()
    if type_name not in installed:
        raise PluginNotFoundError(_not_found(type_name, sorted(installed)), plugin=type_name)
    return _load_only(type_name, installed[type_name])


def installed_plugins() -> tuple[InstalledPlugin, ...]:
    """Load every installed plugin and say of each whether it can be used, sorted by type."""
    return tuple(
        _inspect(entry_point, claims)
        for _, claims in sorted(_entry_points().items())
        for entry_point in claims
    )


def _entry_points() -> dict[str, list[EntryPoint]]:
    """Return the claims of each type; one distribution that is found twice claims once."""
    from importlib import metadata

    found: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for entry_point in metadata.entry_points(group=entry_point_group):
        found[entry_point.name].setdefault(_distribution(entry_point), entry_point)
    return {name: [claims[key] for key in sorted(claims)] for name, claims in found.items()}


def _distribution(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else "(unknown distribution)"


def _version(entry_point: EntryPoint) -> str:
    return entry_point.dist.version if entry_point.dist else ""


def _load_only(type_name: str, claims: list[EntryPoint]) -> BackplanePlugin[Any]:
    if len(claims) > 1:
        owners = " and ".join(_distribution(claim) for claim in claims)
        raise PluginError(
            f"the backplane type '{type_name}' is offered by {owners}: uninstall all but one",
            plugin=type_name,
        )
    return _load(claims[0])


def _load(entry_point: EntryPoint) -> BackplanePlugin[Any]:
    source = f"{_distribution(entry_point)} {_version(entry_point)}".strip()
    try:
        plugin = entry_point.load()
    except Exception as error:
        raise PluginError(
            f"the backplane type '{entry_point.name}' of {source} cannot be loaded from "
            f"'{entry_point.value}': {type(error).__name__}: {error}",
            plugin=entry_point.name,
        ) from error
    if not isinstance(plugin, BackplanePlugin):
        raise PluginError(
            f"the backplane type '{entry_point.name}' of {source} is not usable: "
            f"'{entry_point.value}' is a {type(plugin).__name__}, not a BackplanePlugin",
            plugin=entry_point.name,
        )
    if plugin.type != entry_point.name:
        raise PluginError(
            f"the backplane type '{entry_point.name}' of {source} is not usable: the plugin at "
            f"'{entry_point.value}' says that its type is '{plugin.type}'; both must be the same",
            plugin=entry_point.name,
        )
    return plugin


def _inspect(entry_point: EntryPoint, claims: list[EntryPoint]) -> InstalledPlugin:
    plugin, error = None, None
    try:
        plugin = _load_only(entry_point.name, claims)
    except PluginError as problem:
        error = str(problem)
    return InstalledPlugin(
        type=entry_point.name,
        distribution=_distribution(entry_point),
        version=_version(entry_point),
        plugin=plugin,
        error=error,
    )


def _not_found(type_name: str, installed: list[str]) -> str:
    what = f"no installed plugin offers the backplane type '{type_name}'"
    return f"{what}; {_advice(type_name, installed)}installed: {', '.join(installed) or 'none'}"


def _advice(type_name: str, installed: list[str]) -> str:
    import difflib

    if type_name in _extra_of_type:
        return f"{_install(type_name)}; "
    close = difflib.get_close_matches(type_name, [*installed, *_extra_of_type], n=1)
    if not close:
        return ""
    install = f" {_install(close[0])};" if close[0] not in installed else ""
    return f"did you mean '{close[0]}'?{install} "


def _install(type_name: str) -> str:
    extra = _extra_of_type[type_name]
    present = _version_or_none(f"experimentframework-{extra}")
    if present is None:
        return f'pip install "experimentframework[{extra}]"'
    return (
        f'pip install --upgrade "experimentframework[{extra}]"'
        f" (the installed experimentframework-{extra} {present} does not offer it)"
    )


def _version_or_none(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
