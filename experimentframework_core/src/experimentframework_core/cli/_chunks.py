"""Bytes of a file or pipe, read beside the loop, so that a slow one never stops it."""

from __future__ import annotations

import asyncio
import os
from queue import SimpleQueue
from threading import Thread
from typing import Self

_CHUNK = 64 * 1024


class ChunkReader:
    """Reads a descriptor in a thread of its own, one chunk for each `read`.

    The thread is a daemon: one that waits in a pipe for ever must not keep the process alive.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._wanted: SimpleQueue[asyncio.Future[bytes] | None] = SimpleQueue()

    def __enter__(self) -> Self:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        Thread(target=self._serve, name="experimentframework-reader", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Tell the thread to end; a read that waits is left behind."""
        self._wanted.put(None)

    async def read(self) -> bytes:
        """Return what is there, at least a byte; nothing at the end.

        Raises:
            OSError: The descriptor cannot be read.
        """
        chunk: asyncio.Future[bytes] = self._loop.create_future()
        self._wanted.put(chunk)
        return await chunk

    def _serve(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            try:
                found: bytes | OSError = os.read(self._descriptor, _CHUNK)
            except OSError as error:
                found = error
            try:
                self._loop.call_soon_threadsafe(_settle, wanted, found)
            except RuntimeError:  # the loop has closed: nobody waits any more
                return


def _settle(wanted: asyncio.Future[bytes], found: bytes | OSError) -> None:
    if wanted.done():
        return
    if isinstance(found, OSError):
        wanted.set_exception(found)
    else:
        wanted.set_result(found)
