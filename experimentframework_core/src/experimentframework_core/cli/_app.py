"""The commands under one name."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from experimentframework_core.backplanes.logging import LoggingOptions
from experimentframework_core.cli._dead_letter import group as dead_letter
from experimentframework_core.cli._demo import demo
from experimentframework_core.cli._doctor import doctor
from experimentframework_core.cli._output import FAILED, USAGE, expected_errors, print_json, say
from experimentframework_core.cli._plugins import plugins
from experimentframework_core.cli._publish import publish
from experimentframework_core.cli._report import report
from experimentframework_core.cli._schema import group as schema
from experimentframework_core.cli._streams import OutputError, make_safe
from experimentframework_core.cli._validate import validate

app = typer.Typer(
    name="experimentframework",
    help="Get experiment events out of an app, and count them again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (demo, validate, plugins, publish, report, doctor):
    app.command()(expected_errors(_command))
app.add_typer(dead_letter)
app.add_typer(schema)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - a callback of an option
    if asked:
        typer.echo(f"experimentframework {version('experimentframework-core')}")
        raise typer.Exit


@app.callback()
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
    if "--json" not in arguments:
        try:
            app(arguments)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else FAILED
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except Exception as error:
        # Typer's own error classes are not the same in all its versions.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        say(message)
        print_json({"error": message, "problems": ()})
        return USAGE
