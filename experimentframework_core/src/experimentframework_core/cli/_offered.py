"""Groups of commands that other installed distributions offer, found by their entry points."""

from __future__ import annotations

import typer

from experimentframework_core._entry_points import Group, claims_of, load_only
from experimentframework_core.cli._output import say
from experimentframework_core.errors import PluginError, PluginNotFoundError

_group = Group[typer.Typer](name="experimentframework.commands", what="command", plugin=typer.Typer)
_extra_of_command = {"sqlserver": "sqlserver"}


def is_offered(name: str) -> bool:
    """Return whether a command of that name is another distribution's, installed or not."""
    return name in _extra_of_command or name in claims_of(_group)


def offered_group(name: str) -> typer.Typer:
    """Load one group of commands; no other is imported.

    Raises:
        PluginNotFoundError: It is not installed; the message says what to install.
        PluginError: Several distributions offer it, or it cannot be loaded.
    """
    claims = claims_of(_group).get(name)
    if claims is None:
        extra = _extra_of_command[name]
        message = (
            f"the command '{name}' is not installed: pip install \"experimentframework[{extra}]\""
        )
        raise PluginNotFoundError(message, plugin=name)
    return load_only(_group, name, claims)


def offered_groups() -> dict[str, typer.Typer]:
    """Load every group that is installed, by its name; of those that cannot be loaded, say why."""
    found = {}
    for name in sorted(claims_of(_group)):
        try:
            found[name] = offered_group(name)
        except PluginError as error:
            say(str(error))
    return found
