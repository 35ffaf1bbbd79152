"""The help of every command: ``-h`` asks for it too, and a flag has no value behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ["--help", "-h"]
"""The options that ask for it."""


def runnable(app: typer.Typer) -> Callable[..., Any]:
    """Return what runs the application."""
    command = typer.main.get_command(app)
    _show_flags(command)
    return command


def _show_flags(command: Any) -> None:  # noqa: ANN401 - of the Click that Typer has inside
    for option in command.get_params(typer.Context(command, help_option_names=NAMES)):
        if getattr(option, "is_flag", False) and option.metavar is None:
            option.metavar = ""
    for each in getattr(command, "commands", {}).values():
        _show_flags(each)
