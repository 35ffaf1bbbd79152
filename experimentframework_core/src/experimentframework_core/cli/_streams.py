"""The process's own streams, made safe: closed, full or in an encoding that lacks characters."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


class OutputError(Exception):
    """Stdout cannot be written.

    Attributes:
        gone: Whether nobody reads any more, as behind ``| head``; there is nothing to say then.
    """

    def __init__(self, error: OSError) -> None:
        self.gone = isinstance(error, BrokenPipeError)
        super().__init__(f"the output cannot be written: {error.strerror or error}")


class _Stream(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        with self._watched():
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._watched():
            super().flush()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _discard(self.fileno())
            self.failed(error)

    def failed(self, error: OSError) -> None:
        """Drop what cannot be written."""


class _Output(_Stream):
    def failed(self, error: OSError) -> None:
        """Tell the command that nobody gets its result."""
        raise OutputError(error) from error


def make_safe() -> None:
    """Replace stdout and stderr: no character of theirs, and no failure of stderr, is an error.

    A closed descriptor is taken, or the next file that is opened would become the output. Stdin
    stays None where it is closed.
    """
    for descriptor in range(3):
        _take_if_closed(descriptor)
    sys.stdout = _safe(sys.stdout, 1, _Output)
    sys.stderr = _safe(sys.stderr, 2, _Stream)


def _take_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The wrong way round, so that reading or writing still fails.
        _open_as(descriptor, os.O_RDONLY if descriptor else os.O_WRONLY)


def _safe(stream: TextIO | None, descriptor: int, safe: type[_Stream]) -> _Stream:
    if stream is None:
        buffer = open(descriptor, "wb", closefd=False)  # noqa: SIM115 - for as long as the process
        return safe(buffer, encoding="utf-8", errors="replace", line_buffering=True)
    stream.flush()
    return safe(
        stream.buffer,
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.isatty() or descriptor == 2,  # noqa: PLR2004 - stderr
    )


def _discard(descriptor: int) -> None:
    """Send what is still in a buffer nowhere: it would fail again when Python ends."""
    _open_as(descriptor, os.O_WRONLY)


def _open_as(descriptor: int, how: int) -> None:
    opened = os.open(os.devnull, how)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
