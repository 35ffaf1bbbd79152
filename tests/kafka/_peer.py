"""A server that speaks just enough of Kafka's protocol to be of no use."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

KAFKA_0_10: Mapping[int, tuple[int, int]] = {
    **dict.fromkeys(range(21), (0, 1)),
    0: (0, 2),
    1: (0, 3),
    3: (0, 2),
    18: (0, 0),
}
"""The versions of requests that Kafka 0.10.2 takes: nothing of 0.11 is there."""

KAFKA_2_0: Mapping[int, tuple[int, int]] = {
    **dict.fromkeys(range(43), (0, 1)),
    0: (0, 6),
    1: (0, 8),
    3: (0, 6),
}
"""Those of Kafka 2.0, in short: no zstd."""

KAFKA_OF_SOME_DAY: Mapping[int, tuple[int, int]] = {
    **dict.fromkeys(range(43), (0, 20)),
    0: (12, 20),
}
"""Those of a Kafka that has dropped what aiokafka sends."""


@asynccontextmanager
async def peer(versions: Mapping[int, tuple[int, int]] | None) -> AsyncIterator[int]:
    """Yield the port of a server that says these are its versions; None: says nothing at all."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                if versions is not None:
                    writer.write(_answer(request, versions))
        writers.discard(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield port
    finally:
        server.close()
        for writer in list(writers):
            writer.close()


def _answer(request: bytes, versions: Mapping[int, tuple[int, int]]) -> bytes:
    (correlation,) = struct.unpack_from(">i", request, 4)
    body = struct.pack(">ihi", correlation, 0, len(versions))
    body += b"".join(struct.pack(">hhh", api, *taken) for api, taken in versions.items())
    return struct.pack(">i", len(body)) + body
