"""A connection over a WebSocket, for networks that let nothing else through."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from tests.peers.amqp.broker import Broker

_path: Final = "/$servicebus/websocket"
_protocol: Final = "AMQPWSB10"


class _Outlet:
    """What the broker says, in order, until it ends."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        self.said.put_nowait(data)

    def close(self) -> None:
        self.said.put_nowait(None)

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def application(broker: Broker) -> web.Application:
    """Return what serves the path that the client asks for."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(_protocol,))
        await socket.prepare(request)
        outlet = _Outlet(request)
        connection = broker.welcome(outlet)
        saying = asyncio.create_task(_say(socket, outlet), name="websocket")
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY and connection is not None:
                    connection.received(message.data)
        finally:
            saying.cancel()
            if connection is not None:
                connection.lost()
        return socket

    made = web.Application()
    made.router.add_get(_path, serve)
    return made


async def _say(socket: web.WebSocketResponse, outlet: _Outlet) -> None:
    while (data := await outlet.said.get()) is not None:
        await socket.send_bytes(data)
    await socket.close()
