"""Finds the installed selection modes and decorators, and loads the one that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from experimentframework_core._entry_points import Group, claims_of, load_only
from experimentframework_core.errors import PluginNotFoundError
from experimentframework_core.extension import DecoratorPlugin, SelectionModePlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

_PluginT = TypeVar("_PluginT")

_selection_modes = Group[SelectionModePlugin[Any]](
    name="experimentframework.selection_modes", what="selection mode", plugin=SelectionModePlugin
)
_decorators = Group[DecoratorPlugin[Any]](
    name="experimentframework.decorators", what="decorator", plugin=DecoratorPlugin
)


def find_selection_mode(type_name: str) -> SelectionModePlugin[Any]:
    """Load one selection mode; no other one is imported.

    Args:
        type_name: The ``type`` of a ``selectionMode``, as in a configuration.

    Raises:
        PluginNotFoundError: No installed distribution offers it; the message says which do exist.
        PluginError: Several distributions offer it, or it cannot be loaded.
    """
    return _find(_selection_modes, type_name)


def find_decorator(type_name: str) -> DecoratorPlugin[Any]:
    """Load one decorator; no other one is imported.

    Args:
        type_name: The ``type`` of a decorator, as in a configuration.

    Raises:
        PluginNotFoundError: No installed distribution offers it; the message says which do exist.
        PluginError: Several distributions offer it, or it cannot be loaded.
    """
    return _find(_decorators, type_name)


def selection_mode_types() -> tuple[str, ...]:
    """Return the types of the installed selection modes, sorted; none is loaded."""
    return tuple(sorted(claims_of(_selection_modes)))


def decorator_types() -> tuple[str, ...]:
    """Return the types of the installed decorators, sorted; none is loaded."""
    return tuple(sorted(claims_of(_decorators)))


def _find(group: Group[_PluginT], type_name: str) -> _PluginT:
    installed = claims_of(group)
    if type_name not in installed:
        said = "; ".join(_not_found(group.what, type_name, sorted(installed)))
        raise PluginNotFoundError(said, plugin=type_name)
    return load_only(group, type_name, installed[type_name])


def _not_found(what: str, type_name: str, installed: list[str]) -> Iterator[str]:
    import difflib

    yield f"no installed package offers the {what} '{type_name}'"
    for close in difflib.get_close_matches(type_name, installed, n=1):
        yield f"did you mean '{close}'?"
    yield f"installed: {', '.join(installed) or 'none'}"
