"""A proxy before one broker that loses what it is told to lose."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PRODUCE: Final = 0


class FaultProxy:
    """Hands on requests and answers, except where it has been told otherwise.

    Attributes:
        lose_answers: How many of the next answers to Produce are lost: the broker has written the
            events, and the connection is cut.
        lose_requests: How many of the next Produce requests are lost, with their connection.
        spare_requests: How many are handed on before that.
        produce_late: Seconds by which each answer to Produce is late.
        all_late: Seconds by which every answer is late.
        handing_on: While it is cleared nothing goes to the broker, and no connection is cut.
        lost: How often something was lost.
    """

    def __init__(self, port: int, upstream: int) -> None:
        """Listen on ``port`` of 127.0.0.1 for a broker that listens on ``upstream``."""
        self.lose_answers = 0
        self.lose_requests = 0
        self.spare_requests = 0
        self.produce_late = 0.0
        self.all_late = 0.0
        self.handing_on = asyncio.Event()
        self.handing_on.set()
        self.lost = 0
        self._port = port
        self._upstream = upstream
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # The streams of Python 3.11 would log that somebody has cancelled it.
            with contextlib.suppress(asyncio.CancelledError):
                await self._connect(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
            writers.append(up_writer)
            cut: set[int] = set()
            late: dict[int, float] = {}
            ways = [
                asyncio.ensure_future(self._requests(reader, up_writer, cut, late)),
                asyncio.ensure_future(self._answers(up_reader, writer, cut, late)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            for each in writers:
                each.close()
            for each in writers:
                with contextlib.suppress(OSError):
                    await each.wait_closed()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut: set[int],
        late: dict[int, float],
    ) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                frame = await _frame(reader)
                await self.handing_on.wait()
                key, _, correlation = struct.unpack_from(">hhi", frame)
                if key == PRODUCE and self.spare_requests:
                    self.spare_requests -= 1
                elif key == PRODUCE and self.lose_requests:
                    self.lose_requests -= 1
                    self.lost += 1
                    return
                if key == PRODUCE and self.lose_answers:
                    self.lose_answers -= 1
                    cut.add(correlation)
                late[correlation] = self.all_late or (key == PRODUCE and self.produce_late)
                writer.write(struct.pack(">i", len(frame)) + frame)
                await writer.drain()

    async def _answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut: set[int],
        late: dict[int, float],
    ) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                frame = await _frame(reader)
                (correlation,) = struct.unpack_from(">i", frame)
                if correlation in cut:
                    self.lost += 1
                    return
                await asyncio.sleep(late.pop(correlation))
                writer.write(struct.pack(">i", len(frame)) + frame)
                await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)
