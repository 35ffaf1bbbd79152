"""A first signal ends the reading and lets the rest finish; a second one ends the program."""

from __future__ import annotations

import asyncio
import contextlib
import signal
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
    """

    def __init__(self, understood: Callable[[], None] = lambda: None) -> None:
        """Call ``understood`` at the first signal."""
        self.signal: int | None = None
        self._understood = understood
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
        self._body = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self.signal is None or self._body is None or self._body.uncancel():
                raise
        finally:
            self._body = None

    def _stop(self, number: signal.Signals) -> None:
        self.__exit__()
        self._understood()
        if self._body is not None:
            self.signal = number
            self._body.cancel()
