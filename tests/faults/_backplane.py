"""A backplane over TCP to a destination in another process, which the tests put down at will."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING

from experimentframework_core import (
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from tests.faults import _wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core import Record
    from tests.faults._wire import Answer

attempts: list[float] = []
"""When each connection was tried in this process, on the monotonic clock."""


class LineOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Where the destination listens, on this machine."""

    port: int


class LineBackplane:
    """Sends batches over one connection, which it opens when there is none."""

    def __init__(self, port: int) -> None:
        """Store the port."""
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Send the batch and wait for its answer."""
        if not batch:
            return
        try:
            answer = await self._ask([record.body for record in batch])
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise TransientError(f"the connection to port {self._port} failed: {error}") from error
        except BaseException:
            # An answer that comes late would be taken for that of the next batch.
            self.close()
            raise
        _judge(answer)

    async def ping(self) -> None:
        """Connect if there is no connection."""
        try:
            await self._connect()
        except OSError as error:
            raise TransientError(f"nobody listens on port {self._port}: {error}") from error

    async def _ask(self, bodies: list[bytes]) -> Answer:
        reader, writer = await self._connect()
        _wire.write_batch(writer, bodies)
        await writer.drain()
        return await _wire.read_answer(reader)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            attempts.append(monotonic())
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        return self._streams

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def _judge(answer: Answer) -> None:
    if answer.refused:
        message = "the destination refuses this event for ever"
        raise PartialBatchError({index: PermanentError(message) for index in answer.refused})
    if answer.error == "permanent":
        raise PermanentError("the destination refuses this batch for ever")
    if answer.error == "transient":
        raise TransientError("the destination cannot take this batch now")
    if answer.error == "unavailable":
        raise UnavailableError("the destination refuses us")
    if answer.error == "bug":
        raise ZeroDivisionError("this plugin has a bug")


@asynccontextmanager
async def _open(options: LineOptions, _context: OpenContext) -> AsyncIterator[LineBackplane]:
    backplane = LineBackplane(options.port)
    try:
        yield backplane
    finally:
        backplane.close()


line = BackplanePlugin(
    type="line",
    options=LineOptions,
    open=_open,
    features=Features(ordered=True, durable=True, partial_failures=True),
)
