"""What the commands of other distributions need: exit codes, options, output, configurations.

A distribution offers its commands as a `typer.Typer` by an entry point of the group
``experimentframework.commands``, whose name is the name of the group of commands. Wrap each command
in `expected_errors`, and let it return its exit code.
"""

from __future__ import annotations

from experimentframework_core._reading.source import Source
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    ConfigOption,
    JsonOption,
    confirmed,
    console,
    count,
    expected_errors,
    print_json,
    say,
    say_out,
    show_table,
    table,
)
from experimentframework_core.cli._sources import source_of
from experimentframework_core.cli._times import time_of

__all__ = [
    "FAILED",
    "OK",
    "USAGE",
    "CommandError",
    "ConfigOption",
    "JsonOption",
    "Source",
    "confirmed",
    "console",
    "count",
    "expected_errors",
    "print_json",
    "say",
    "say_out",
    "show_table",
    "source_of",
    "table",
    "time_of",
]
