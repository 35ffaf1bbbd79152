"""How far a long run is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from experimentframework_core.cli._output import printable, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLAIN_EVERY = 5.0
"""Seconds between two plain lines."""


_SHOW_EVERY = 0.2
"""Seconds between two looks at the progress."""


class Reporter(Protocol):
    """Shows how far it is, and messages between, on stderr."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Leave the place tidy."""

    def show(self, done_bytes: int, text: str) -> None:
        """Say how many bytes of the input are done, and ``text``."""

    def note(self, text: str) -> None:
        """Write a message of its own."""


def reporter(total_bytes: int | None, clock: Callable[[], float]) -> Reporter:
    """Return a bar if stderr is a terminal, else plain lines."""
    return Bar(total_bytes) if sys.stderr.isatty() else PlainLines(clock)


@contextmanager
def shown(progress: Reporter, tell: Callable[[], tuple[int, str]]) -> Iterator[None]:
    """Show from time to time what ``tell`` says: the bytes done, and a text."""
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def show() -> None:
        progress.show(*tell())
        timers[:] = [loop.call_later(_SHOW_EVERY, show)]

    timers.append(loop.call_later(_SHOW_EVERY, show))
    try:
        yield
    finally:
        timers[0].cancel()


class PlainLines:
    """A line every few seconds; nothing at all where the run is shorter than that."""

    def __init__(self, clock: Callable[[], float], write: Callable[[str], None] = say) -> None:
        self._clock = clock
        self._write = write
        self._next = 0.0

    def __enter__(self) -> Self:
        """Begin to count the seconds."""
        self._next = self._clock() + PLAIN_EVERY
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def show(self, done_bytes: int, text: str) -> None:  # noqa: ARG002 - for bars
        """Write ``text`` if a line is due."""
        if self._clock() >= self._next:
            self._next = self._clock() + PLAIN_EVERY
            self._write(text)

    def note(self, text: str) -> None:
        """Write ``text``."""
        self._write(text)


class Bar:
    """A bar that fills with the bytes read; a spinner where the size is not known."""

    def __init__(self, total_bytes: int | None) -> None:
        console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        shape = (
            (SpinnerColumn(),)
            if total_bytes is None
            else (BarColumn(bar_width=30), TaskProgressColumn(), TimeRemainingColumn())
        )
        text = TextColumn("{task.description}", markup=False)
        self._progress = Progress(*shape, DownloadColumn(), text, console=console, transient=True)
        self._task = self._progress.add_task("", total=total_bytes)

    def __enter__(self) -> Self:
        """Draw the bar."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._progress.stop()

    def show(self, done_bytes: int, text: str) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done_bytes, description=text)

    def note(self, text: str) -> None:
        """Write ``text`` above the bar."""
        self._progress.console.print(printable(text), soft_wrap=True)
