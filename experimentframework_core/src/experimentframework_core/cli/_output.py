"""What every command shares: exit codes, tables, JSON, errors without tracebacks."""

from __future__ import annotations

import codecs
import functools
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import msgspec
import typer

from experimentframework_command import INTERRUPTED, loaded
from experimentframework_core.errors import (
    ConfigurationError,
    ExperimentFrameworkError,
    PluginError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console
    from rich.table import Table

OK = 0
FAILED = 1
USAGE = 2

_PIPE_WIDTH = 10_000_000
"""The columns of what is no terminal: more than any table has, so that no line is wrapped."""

_SURROGATE = re.compile("[\ud800-\udfff]")

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, and nothing else, to stdout.")
]
ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        readable=False,  # loading says it, with its exit code
        help="The configuration: a YAML or JSON file, or a folder.",
    ),
]

P = ParamSpec("P")


class CommandError(Exception):
    """A command cannot do its work, for a reason that its user can mend."""

    def __init__(self, message: str, *, exit_code: int = FAILED) -> None:
        self.exit_code = exit_code
        super().__init__(message)


def expected_errors(command: Callable[P, int]) -> Callable[P, None]:
    """Wrap a command: its result is the exit code, an expected error one message on stderr."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            loaded()
            code = command(*args, **kwargs)
        except (CommandError, ExperimentFrameworkError) as error:
            code = _exit_code(error)
            _show_error(error, as_json=bool(kwargs.get("as_json")))
        except KeyboardInterrupt:
            code = INTERRUPTED
        raise typer.Exit(code)

    return run


def _exit_code(error: Exception) -> int:
    if isinstance(error, CommandError):
        return error.exit_code
    return USAGE if isinstance(error, ConfigurationError | PluginError) else FAILED


def _show_error(error: Exception, *, as_json: bool) -> None:
    say(str(error))
    if as_json:
        problems = error.problems if isinstance(error, ConfigurationError) else ()
        print_json({"error": str(error), "problems": problems})


def say(text: str) -> None:
    """Write one message to stderr."""
    sys.stderr.write("\n".join(printable(line) for line in text.split("\n")) + "\n")


def say_out(text: str) -> None:
    """Write one line to stdout."""
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def is_terminal() -> bool:
    """Return whether somebody can answer on stdin."""
    return sys.stdin is not None and sys.stdin.isatty()


def confirmed(question: str) -> bool:
    """Ask on stderr, and return whether the answer is yes.

    Raises:
        CommandError: There is no terminal to ask on.
    """
    if not is_terminal():
        message = "there is no terminal to ask on; say --yes to remove them, --dry-run to count"
        raise CommandError(message, exit_code=USAGE)
    return typer.confirm(question, err=True)


def console() -> Console:
    """Return a console on stdout that prints text as it is, and wraps nothing in a pipe."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def show_table(made: Table) -> None:
    """Print a table, without the blanks that fill its last column."""
    out = console()
    with out.capture() as captured:
        out.print(made)
    for line in captured.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


def print_json(document: object) -> None:
    """Write ``document`` as the one JSON document on stdout."""
    text = msgspec.json.format(_encoded(document), indent=2).decode()
    if not _takes_unicode():
        text = json.dumps(json.loads(text), indent=2)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _encoded(document: object) -> bytes:
    try:
        return msgspec.json.encode(document, enc_hook=str)
    except UnicodeEncodeError:
        # Python has surrogates for the bytes of a file name that are no UTF-8; JSON has no place
        # for them, so they are told as `printable` tells them.
        text = json.dumps(
            msgspec.to_builtins(document, enc_hook=str, str_keys=True), ensure_ascii=False
        )
        return _SURROGATE.sub(lambda found: rf"\\u{ord(found[0]):x}", text).encode()


def print_json_line(line: bytes) -> None:
    """Write one of many JSON documents, on a line of its own; it may wait in the buffer."""
    text = line.decode()
    if not _takes_unicode():
        text = json.dumps(json.loads(text))
    sys.stdout.write(f"{text}\n")


def _takes_unicode() -> bool:
    """Return whether stdout can take every character; else JSON is written in ASCII."""
    return codecs.lookup(sys.stdout.encoding).name == "utf-8"


def table(*columns: str, rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """Return a plain table; columns whose name begins with ``#`` hold figures."""
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        figures = column.startswith("#")
        made.add_column(
            column.removeprefix("#"),
            justify="right" if figures else "left",
            no_wrap=figures,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(printable(cell) for cell in row))
    return made


def printable(text: str) -> str:
    """Return ``text`` with control characters as escapes: data must not drive a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count(number: int, thing: str, things: str | None = None) -> str:
    """Return ``1 event`` or ``1,200 events``."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
