"""Finds the installed backplane plugins by their entry points, and loads the one that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._entry_points import (
    Group,
    claims_of,
    distribution,
    load_only,
    version,
)
from experimentframework_core.errors import PluginError, PluginNotFoundError
from experimentframework_core.plugin import BackplanePlugin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

entry_point_group = "experimentframework.backplanes"
"""The entry point group in which a distribution offers its backplane types."""

_group = Group[BackplanePlugin[Any]](
    name=entry_point_group, what="backplane type", plugin=BackplanePlugin
)
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
    installed = claims_of(_group)
    if type_name not in installed:
        raise PluginNotFoundError(_not_found(type_name, sorted(installed)), plugin=type_name)
    return load_only(_group, type_name, installed[type_name])


def installed_plugins() -> tuple[InstalledPlugin, ...]:
    """Load every installed plugin and say of each whether it can be used, sorted by type."""
    return tuple(
        _inspect(entry_point, claims)
        for _, claims in sorted(claims_of(_group).items())
        for entry_point in claims
    )


def _inspect(entry_point: EntryPoint, claims: list[EntryPoint]) -> InstalledPlugin:
    plugin, error = None, None
    try:
        plugin = load_only(_group, entry_point.name, claims)
    except PluginError as problem:
        error = str(problem)
    return InstalledPlugin(
        type=entry_point.name,
        distribution=distribution(entry_point),
        version=version(entry_point),
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
