"""A server for tests: it speaks ASGI to an app, in the test's own loop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from httpx import ASGITransport, AsyncClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Message = dict[str, Any]


def client_of(app: Any) -> AsyncClient:
    """Return an HTTP client of the app; it sends no lifespan."""
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


async def talk(app: Any, path: str, *texts: str, headers: dict[str, str]) -> list[str]:
    """Return what a WebSocket answers to the texts."""
    sent = [{"type": "websocket.connect"}]
    sent += [{"type": "websocket.receive", "text": text} for text in texts]
    sent += [{"type": "websocket.disconnect", "code": "1000"}]
    answers: list[str] = []

    async def receive() -> Message:
        return sent.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            answers.append(message["text"])

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": raw}
    await app({**scope, "asgi": {"version": "3.0"}, "subprotocols": []}, receive, send)
    return answers


class Server:
    """What a server tells an app of its lifespan, and hears.

    Attributes:
        heard: The app's messages, in order.
    """

    def __init__(self, app: Any) -> None:
        """Speak to ``app``."""
        self.heard: list[Message] = []
        self._app = app
        self._tell: asyncio.Queue[Message] = asyncio.Queue()
        self._hear: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Message:
        """Start the app, and return its answer."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.create_task(self._app(scope, self._tell.get, self._send))
        return await self._told({"type": "lifespan.startup"})

    async def stop(self) -> Message:
        """Stop the app, and return its answer."""
        answer = await self._told({"type": "lifespan.shutdown"})
        await self.ended()
        return answer

    async def ended(self) -> None:
        """Wait until the app has ended, and raise what it raises."""
        assert self._task is not None
        await self._task

    async def _told(self, message: Message) -> Message:
        assert self._task is not None
        self._tell.put_nowait(message)
        hearing = asyncio.create_task(self._hear.get())
        await asyncio.wait({hearing, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not hearing.done() and self._hear.empty():
            hearing.cancel()
            await self._task
        return await hearing

    async def _send(self, message: Message) -> None:
        self.heard.append(message)
        self._hear.put_nowait(message)


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[AsyncClient]:
    """Yield a client of the app between its start and its end."""
    server = Server(app)
    answer = await server.start()
    assert answer == {"type": "lifespan.startup.complete"}, answer
    async with client_of(app) as client:
        yield client
    assert await server.stop() == {"type": "lifespan.shutdown.complete"}
