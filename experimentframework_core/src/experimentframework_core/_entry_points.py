"""Finds what installed distributions offer by entry points, and loads the one that is named."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec

from experimentframework_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

PluginT = TypeVar("PluginT")
Claims: TypeAlias = "dict[str, list[EntryPoint]]"
"""The claims of each type of a group."""

_known: ContextVar[dict[str, Claims] | None] = ContextVar("_known", default=None)


class Group(msgspec.Struct, Generic[PluginT], frozen=True, kw_only=True):
    """An entry point group, whose names are types or commands and whose objects describe them.

    Attributes:
        name: The group's name.
        what: What its types are called in errors.
        plugin: The class of its objects. Where they have a ``type``, it is the entry point's name.
    """

    name: str
    what: str
    plugin: type[PluginT]


@contextmanager
def looked_up_once() -> Iterator[None]:
    """Look each group up at most once while this is open: a scan takes milliseconds."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def claims_of(group: Group[PluginT]) -> Claims:
    """Return the claims of each type; one distribution that is found twice claims once."""
    known = _known.get()
    if known is None:
        return _scanned(group)
    if group.name not in known:
        known[group.name] = _scanned(group)
    return known[group.name]


def _scanned(group: Group[PluginT]) -> Claims:
    from importlib import metadata

    found: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for entry_point in metadata.entry_points(group=group.name):
        found[entry_point.name].setdefault(distribution(entry_point), entry_point)
    return {name: [claims[key] for key in sorted(claims)] for name, claims in found.items()}


def distribution(entry_point: EntryPoint) -> str:
    """Return the name of the distribution that offers it."""
    return entry_point.dist.name if entry_point.dist else "(unknown distribution)"


def version(entry_point: EntryPoint) -> str:
    """Return the version of the distribution that offers it."""
    return entry_point.dist.version if entry_point.dist else ""


def load_only(group: Group[PluginT], type_name: str, claims: list[EntryPoint]) -> PluginT:
    """Load the only claim of a type.

    Raises:
        PluginError: There are several, or it cannot be loaded or used.
    """
    if len(claims) > 1:
        owners = " and ".join(distribution(claim) for claim in claims)
        raise PluginError(
            f"the {group.what} '{type_name}' is offered by {owners}: uninstall all but one",
            plugin=type_name,
        )
    return _load(group, claims[0])


def _load(group: Group[PluginT], entry_point: EntryPoint) -> PluginT:
    source = f"{distribution(entry_point)} {version(entry_point)}".strip()
    try:
        plugin = entry_point.load()
    except (Exception, SystemExit) as error:
        why = "it ends the process, " if isinstance(error, SystemExit) else ""
        raise PluginError(
            f"the {group.what} '{entry_point.name}' of {source} cannot be loaded from "
            f"'{entry_point.value}': {why}{type(error).__name__}: {error}",
            plugin=entry_point.name,
        ) from error
    if not isinstance(plugin, group.plugin):
        raise PluginError(
            f"the {group.what} '{entry_point.name}' of {source} is not usable: "
            f"'{entry_point.value}' is a {type(plugin).__name__}, not a {group.plugin.__name__}",
            plugin=entry_point.name,
        )
    type_name: str = getattr(plugin, "type", entry_point.name)
    if type_name != entry_point.name:
        raise PluginError(
            f"the {group.what} '{entry_point.name}' of {source} is not usable: the plugin at "
            f"'{entry_point.value}' says that its type is '{type_name}'; both must be the same",
            plugin=entry_point.name,
        )
    return plugin
