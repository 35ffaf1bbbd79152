"""The ports at which the broker listens."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from tests.peers.amqp.tcp import OverTcp
from tests.peers.amqp.websocket import application
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.amqp.broker import Broker

_host = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker listens; 0 is nowhere yet.

    Attributes:
        amqp: Without TLS, as Microsoft's emulator does.
        websocket: AMQP over a WebSocket, without TLS.
        tls: With TLS, as the service does.
        websocket_tls: AMQP over a WebSocket with TLS.
    """

    amqp: int = 0
    websocket: int = 0
    tls: int = 0
    websocket_tls: int = 0


class Server:
    """Listens on 127.0.0.1, until it is told to stop, and again at the same ports.

    Attributes:
        ports: Where.
    """

    def __init__(self, broker: Broker, certificate: Path | None) -> None:
        """Store what it needs.

        Args:
            broker: Who is listened for.
            certificate: The server's key and certificate, in one file; None is no TLS.
        """
        self._broker = broker
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(certificate)
        self._servers: list[asyncio.Server] = []
        self._runner: web.AppRunner | None = None
        self.ports = Ports()

    async def listen(self) -> None:
        """Begin to listen, unless it does."""
        if self._servers:
            return
        self._runner = web.AppRunner(application(self._broker), access_log=None)
        await self._runner.setup()
        self.ports = Ports(
            amqp=await self._tcp(self.ports.amqp, None),
            websocket=await self._websocket(self.ports.websocket, None),
            tls=await self._tcp(self.ports.tls, self._context) if self._context else 0,
            websocket_tls=(
                await self._websocket(self.ports.websocket_tls, self._context)
                if self._context
                else 0
            ),
        )

    async def stop(self) -> None:
        """Stop listening; who is connected stays so."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def _tcp(self, port: int, context: ssl.SSLContext | None) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: OverTcp(self._broker), _host, port or free_port(), ssl=context
        )
        self._servers.append(server)
        return _port(server)

    async def _websocket(self, port: int, context: ssl.SSLContext | None) -> int:
        assert self._runner is not None
        assert self._runner.server is not None
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._runner.server, _host, port or free_port(), ssl=context
        )
        self._servers.append(server)
        return _port(server)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
