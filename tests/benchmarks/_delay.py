"""Hands bytes on later: a longer way to a server, in a process of its own.

``python -m tests.benchmarks._delay <port> <port of the server> <seconds>``
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_root = Path(__file__).parents[2]
_chunk = 256 * 1024
_most_chunks = 64


@contextmanager
def delayed(port: int, server: int, seconds: float) -> Iterator[int]:
    """Listen on a port of 127.0.0.1 for a server there, each way so many seconds longer.

    Yields the port; 0 asks for any that is free.
    """
    command = [sys.executable, "-m", "tests.benchmarks._delay", str(port), str(server)]
    process = subprocess.Popen(
        [*command, str(seconds)], cwd=_root, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


async def _serve(port: int, server: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", server, limit=_chunk)
        try:
            await asyncio.gather(
                _hand_on(reader, up_writer, seconds), _hand_on(up_reader, writer, seconds)
            )
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", port, limit=_chunk)
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listening.serve_forever()


async def _hand_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    """Hand on what comes, each chunk so much later, until the end comes, which is handed on too."""
    loop = asyncio.get_running_loop()
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_most_chunks)

    async def read() -> None:
        data = b"."
        while data:
            try:
                data = await reader.read(_chunk)
            except OSError:
                data = b""
            await on_the_way.put((loop.time() + seconds, data))

    reading = asyncio.ensure_future(read())
    try:
        with suppress(OSError):
            while True:
                due, data = await on_the_way.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    return
                writer.write(data)
                await writer.drain()
    finally:
        reading.cancel()
        writer.close()


def main() -> None:
    """Serve until the process is terminated."""
    port, server, seconds = sys.argv[1:4]
    asyncio.run(_serve(int(port), int(server), float(seconds)))


if __name__ == "__main__":
    main()
