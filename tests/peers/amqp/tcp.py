"""A connection over TCP, with or without TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.peers.amqp.broker import Broker
    from tests.peers.amqp.connection import Connection


class OverTcp(asyncio.Protocol):
    """Passes bytes between a socket and a `Connection`."""

    def __init__(self, broker: Broker) -> None:
        """Wait for the socket."""
        self._broker = broker
        self._connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._connection = self._broker.welcome(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        if self._connection is not None:
            self._connection.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._connection is not None:
            self._connection.lost()
            self._connection = None
