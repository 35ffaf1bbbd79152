"""The commands under one name."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core.cli._help import NAMES, runnable
from experimentframework_core.cli._offered import is_offered, offered_group, offered_groups
from experimentframework_core.cli._output import FAILED, USAGE, expected_errors, print_json, say
from experimentframework_core.cli._streams import OutputError, make_safe
from experimentframework_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_COMMANDS = {
    "demo": "_demo",
    "validate": "_validate",
    "plugins": "_plugins",
    "publish": "_publish",
    "tail": "_tail",
    "replay": "_replay",
    "export": "_export",
    "report": "_report",
    "doctor": "_doctor",
    "new-plugin": "_new_plugin",
}
"""Each command, and the module whose function of that name it is."""

_GROUPS = {"dead-letter": "_dead_letter", "schema": "_schema"}
"""Each group of commands, and the module whose ``group`` it is."""


def _show_version(asked: bool) -> None:  # noqa: FBT001 - a callback of an option
    if asked:
        from importlib.metadata import version

        typer.echo(f"experimentframework {version('experimentframework-core')}")
        raise typer.Exit


def app_with(*names: str) -> typer.Typer:
    """Return the application with the named commands, and no other imported; none: with all.

    Raises:
        PluginError: A named one is another distribution's, which is missing or cannot be loaded.
    """
    app = typer.Typer(
        name="experimentframework",
        help="Get experiment events out of an app, and count them again.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": NAMES},
    )
    app.callback()(_main)
    for name, module in _COMMANDS.items():
        if not names or name in names:
            app.command(name)(expected_errors(getattr(_module(module), name.replace("-", "_"))))
    for name, module in _GROUPS.items():
        if not names or name in names:
            app.add_typer(_module(module).group)
    for name, group in _others(names).items():
        app.add_typer(group, name=name)
    return app


def _others(names: Sequence[str]) -> dict[str, typer.Typer]:
    if not names:
        return offered_groups()
    return {name: offered_group(name) for name in names if name not in (*_COMMANDS, *_GROUPS)}


def _module(name: str) -> ModuleType:
    return import_module(f"experimentframework_core.cli.{name}")


def _main(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command of ``sys.argv``; stderr gets warnings, and what the type logging writes."""
    from experimentframework_core.backplanes.logging import LoggingOptions

    make_safe()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger(LoggingOptions().logger).setLevel(logging.DEBUG)
    sys.exit(_run())


def _run() -> int:
    try:
        code = _code_of(sys.argv[1:])
        sys.stdout.flush()
    except OutputError as error:
        if not error.gone:
            say(str(error))
        return FAILED
    except OSError as error:
        say(str(error))
        return FAILED
    return code


def _code_of(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    try:
        known = first in (*_COMMANDS, *_GROUPS) or (first.isalnum() and is_offered(first))
        run = runnable(app_with(first) if known else app_with())
    except PluginError as error:
        say(str(error))
        return USAGE
    if "--json" not in arguments:
        try:
            run(arguments)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else FAILED
    try:
        return int(run(arguments, standalone_mode=False) or 0)
    except Exception as error:
        # Typer's own error classes are not the same in all its versions.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        say(message)
        print_json({"error": message, "problems": ()})
        return USAGE
