"""The commands under one name."""

from __future__ import annotations

import logging
import sys

import typer

from experimentframework_core.backplanes.logging import LoggingOptions
from experimentframework_core.cli._demo import demo
from experimentframework_core.cli._doctor import doctor
from experimentframework_core.cli._output import expected_errors
from experimentframework_core.cli._plugins import plugins
from experimentframework_core.cli._publish import publish
from experimentframework_core.cli._report import report
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


def run() -> None:
    """Run the command of ``sys.argv``; stderr gets warnings, and what the type logging writes."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger(LoggingOptions().logger).setLevel(logging.DEBUG)
    app()
