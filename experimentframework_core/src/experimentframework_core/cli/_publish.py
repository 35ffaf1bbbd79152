"""`publish`: a file of events, or stdin, into the backplanes of a configuration."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core._letters.origin import coming_from
from experimentframework_core.cli._configuration import blocking, read
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    ConfigOption,
    JsonOption,
    console,
    count,
    print_json,
    say,
    show_table,
)
from experimentframework_core.cli._progress import reporter
from experimentframework_core.cli._pump import publish_lines
from experimentframework_core.cli._stop import BY_SIGNAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.cli._summary import Summary


def publish(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="NDJSON; - reads stdin.")],
    config: ConfigOption,
    as_json: JsonOption = False,  # noqa: FBT002 - an option of the command line
) -> int:
    """Publish a file of events, one JSON object a line, and count what became of each.

    A line is a full envelope, or flat: {"type": "exposure", "experimentName": …}. Waits for the
    destinations, however slow; broken lines are reported and the rest goes on.
    """
    options, origin = read(config)
    with _open(source) as descriptor:
        progress = reporter(_size(descriptor), time.monotonic)
        with coming_from(origin):
            summary = asyncio.run(publish_lines(blocking(options), descriptor, progress))
    if as_json:
        print_json(summary.as_document())
    else:
        _print(summary)
    return _exit_code(summary)


@contextmanager
def _open(source: str) -> Iterator[int]:
    if source == "-":
        if sys.stdin is None:
            raise CommandError("stdin is closed; name a file, or give events", exit_code=USAGE)
        yield sys.stdin.fileno()
        return
    try:
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise CommandError(f"{source}: {error.strerror}", exit_code=USAGE) from error
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise CommandError(f"{source}: is a folder; name a file", exit_code=USAGE)
        yield descriptor
    finally:
        os.close(descriptor)


def _size(descriptor: int) -> int | None:
    status = os.fstat(descriptor)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _print(summary: Summary) -> None:
    console().print(summary.headline())
    show_table(summary.as_table())
    if summary.counts.stopped_by is not None:
        lines = count(summary.counts.lines, "line")
        say(f"Stopped by a signal after {lines}; the rest was not read.")
    for trouble in summary.troubles():
        say(trouble)


def _exit_code(summary: Summary) -> int:
    if summary.counts.stopped_by is not None:
        return BY_SIGNAL + summary.counts.stopped_by
    return OK if summary.ok else FAILED
