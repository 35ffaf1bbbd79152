"""Bytes of a file or pipe, read beside the loop, so that a slow one never stops it."""

from __future__ import annotations

import os
from functools import partial
from typing import Self

from experimentframework_core._own_thread import OwnThread

_CHUNK = 64 * 1024


class ChunkReader:
    """Reads a descriptor in a thread of its own, one chunk for each `read`."""

    def __init__(self, descriptor: int) -> None:
        self._read = partial(os.read, descriptor, _CHUNK)
        self._thread = OwnThread("experimentframework-reader")

    def __enter__(self) -> Self:
        """Return the reader; the first read starts its thread."""
        return self

    def __exit__(self, *_: object) -> None:
        """Tell the thread to end; a read that waits is left behind."""
        self._thread.close()

    async def read(self) -> bytes:
        """Return what is there, at least a byte; nothing at the end.

        Raises:
            OSError: The descriptor cannot be read.
        """
        return await self._thread.run(self._read)
