"""The inside of a peer's process: lines of JSON come on standard input, and answers go out."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_longest_order: Final = 2**24


async def orders() -> AsyncIterator[bytes]:
    """Yield each line of standard input until it ends."""
    reader = asyncio.StreamReader(limit=_longest_order)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line


def say(line: bytes) -> None:
    """Write a line to standard output."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
