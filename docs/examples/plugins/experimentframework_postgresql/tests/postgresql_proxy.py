"""A way to the server on which questions and answers can get lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Proxy:
    """Passes on what comes, until something is to be lost: then the connection ends instead.

    Attributes:
        port: Where it listens.
        loses: How many answers are still to be lost.
        room: How many bytes of questions are still passed on; None is any number.
    """

    def __init__(self, server: int) -> None:
        self.port = 0
        self.loses = 0
        self.room: int | None = None
        self.taken: list[asyncio.Task[object]] = []
        self._server = server

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.taken.append(task)
        answers, questions = await asyncio.open_connection("127.0.0.1", self._server)
        await asyncio.gather(self._ask(reader, questions), self._answer(answers, writer))

    async def _ask(self, reader: asyncio.StreamReader, questions: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                questions.write(self._passed_on(data))
                if self.room == 0:
                    break
        questions.close()

    def _passed_on(self, data: bytes) -> bytes:
        if self.room is None:
            return data
        passed_on = data[: self.room]
        self.room -= len(passed_on)
        return passed_on

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await answers.read(65536):
                # The whole of it: the statement is done, and its transaction committed.
                if self.loses and data.endswith(b"Z\0\0\0\x05I"):
                    self.loses -= 1
                    break
                writer.write(data)
        writer.close()
