"""A first signal ends the reading and lets the rest finish; a second one ends the program."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import select
import signal
import stat
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BY_SIGNAL = 128
"""With the signal's number added, the exit code of a command that a signal ended."""

DELIVERING = "Delivering what was read; once more to end at once."
"""What a command says at the first signal that delivers what it has read."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Listens to SIGINT and SIGTERM while it is entered.

    Attributes:
        signal: The signal that cancelled the body of `cancels_body`; None if none did.
        reader_gone: Whether it was cancelled because nobody reads stdout any more.
    """

    def __init__(self, understood: Callable[[], None] = lambda: None) -> None:
        """Call ``understood`` at the first signal."""
        self.signal: int | None = None
        self.reader_gone = False
        self._understood = understood
        self._heard = False
        self._body: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._stop, number)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the signals to Python."""
        for number in _SIGNALS:
            self._loop.remove_signal_handler(number)

    @contextlib.contextmanager
    def cancels_body(self) -> Iterator[None]:
        """Have the first signal cancel the body, and go on behind it."""
        body = self._body = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            wanted = self.signal is not None or self.reader_gone
            if not wanted or body is None or body.uncancel():
                raise
        finally:
            self._body = None

    @contextlib.contextmanager
    def ends_without_reader(self) -> Iterator[None]:
        """Cancel the body of `cancels_body` when stdout is a pipe that nobody reads any more.

        Else a command that waits learns it only with the next line it writes, as behind
        ``| head -1``.
        """
        descriptor = _piped_stdout()
        if descriptor is None:
            yield
            return
        # There is never anything to read at this end: what wakes us is that the other one closed.
        self._loop.add_reader(descriptor, self._look_for_reader, descriptor)
        try:
            yield
        finally:
            self._loop.remove_reader(descriptor)

    def _look_for_reader(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        pipe = select.poll()
        pipe.register(descriptor, 0)
        if pipe.poll(0) and self._body is not None:
            self.reader_gone = True
            self._cancel_body(self._body)

    def _stop(self, number: signal.Signals) -> None:
        if self._heard:  # Two that came at once are one.
            return
        self._heard = True
        self.__exit__()
        self._understood()
        if self._body is not None:
            self.signal = number
            self._cancel_body(self._body)

    def _cancel_body(self, body: asyncio.Task[object]) -> None:
        self._body = None
        body.cancel()


def _piped_stdout() -> int | None:
    """Return the descriptor of stdout; None if it is no pipe, or only something in memory."""
    try:
        descriptor = sys.stdout.fileno()
    except io.UnsupportedOperation:
        return None
    return descriptor if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else None
