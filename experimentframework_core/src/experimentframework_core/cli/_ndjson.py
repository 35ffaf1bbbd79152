"""Lines out of chunks of bytes, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineSplitter:
    """Cuts chunks into numbered lines and never holds more than ``limit`` bytes of an open one.

    A line that is longer than ``limit`` comes out as None: its bytes are thrown away.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open = bytearray()
        self._too_long = False
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes | None]]:
        """Yield ``(number, line)`` for each line that ends in ``chunk``; numbers begin at 1."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._append(piece)
            yield self._close()
        self._append(rest)

    def end(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the last line, where the input does not end with a line break."""
        if self._open or self._too_long:
            yield self._close()

    def _append(self, piece: bytes) -> None:
        self._too_long = self._too_long or len(self._open) + len(piece) > self._limit
        if self._too_long:
            self._open.clear()
        else:
            self._open += piece

    def _close(self) -> tuple[int, bytes | None]:
        self._number += 1
        line = None if self._too_long else bytes(self._open).strip()
        if self._number == 1 and line:
            line = line.removeprefix(BYTE_ORDER_MARK)
        self._open.clear()
        self._too_long = False
        return self._number, line
