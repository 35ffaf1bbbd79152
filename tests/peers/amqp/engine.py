"""Proton between the bytes of a client and what a connection makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from proton import Collector, Connection, Event, Transport

from tests.peers.amqp.errors import AmqpError, as_condition

if TYPE_CHECKING:
    from proton import Delivery, Receiver, Sender

_frame: Final = 65_536
_idle_seconds: Final = 120


class Outlet(Protocol):
    """Where the bytes of the broker go."""

    def write(self, data: bytes) -> None:
        """Send these when it is possible."""

    def close(self) -> None:
        """End it when all is sent."""

    def abort(self) -> None:
        """End it at once."""


class Links(Protocol):
    """What is told of the links of a connection."""

    def attached(self, link: Sender | Receiver) -> None:
        """Take up a link."""

    def detached(self, link: Sender | Receiver) -> None:
        """End a link."""

    def delivered(self, link: Sender | Receiver, delivery: Delivery) -> None:
        """Take what came, or what the client made of what it got."""


class Engine:
    """One connection's side of the protocol."""

    def __init__(self, links: Links, outlet: Outlet) -> None:
        """Begin; the client speaks first."""
        self._links = links
        self._outlet = outlet
        self._connection = Connection()
        self._collector = Collector()
        self._connection.collect(self._collector)
        self._transport = Transport(Transport.SERVER)
        self._transport.max_frame_size = _frame
        self._transport.idle_timeout = _idle_seconds
        sasl = self._transport.sasl()
        sasl.allow_insecure_mechs = True
        sasl.allowed_mechs("ANONYMOUS")
        self._transport.require_auth(False)  # noqa: FBT003 - proton has no name for it
        self._transport.bind(self._connection)

    def push(self, data: bytearray) -> None:
        """Take some of what the client said, and leave the rest in ``data``."""
        room = self._transport.capacity()
        if room > 0:
            self._transport.push(bytes(data[:room]))
            del data[:room]
        else:
            data.clear()
        self._tell()

    def flush(self) -> None:
        """Send what there is to say."""
        self._tell()
        while (pending := self._transport.pending()) > 0:
            self._outlet.write(bytes(self._transport.peek(pending) or b""))
            self._transport.pop(pending)
            self._tell()
        if pending < 0:
            self._outlet.close()

    def tick(self, seconds: float) -> None:
        """Send heartbeats."""
        self._transport.tick(seconds)

    def close(self, condition: str, message: str) -> None:
        """End the connection with an error, or without for an empty condition."""
        if condition:
            self._connection.condition = as_condition(AmqpError(condition, message))
        self._connection.close()

    def _tell(self) -> None:
        while (event := self._collector.peek()) is not None:
            self._of_connection(event)
            self._of_link(event)
            self._collector.pop()

    def _of_connection(self, event: Event) -> None:
        if event.type == Event.CONNECTION_REMOTE_OPEN:
            self._connection.container = "tests.peers.amqp"
            self._connection.open()
        elif event.type == Event.CONNECTION_REMOTE_CLOSE:
            self._connection.close()
        elif event.type == Event.SESSION_REMOTE_OPEN and event.session is not None:
            event.session.open()
        elif event.type == Event.SESSION_REMOTE_CLOSE and event.session is not None:
            event.session.close()

    def _of_link(self, event: Event) -> None:
        link = event.link
        if link is None:
            return
        if event.type == Event.LINK_REMOTE_OPEN:
            self._links.attached(link)
        elif event.type in (Event.LINK_REMOTE_CLOSE, Event.LINK_REMOTE_DETACH):
            self._links.detached(link)
        elif event.type == Event.DELIVERY and event.delivery is not None:
            self._links.delivered(link, event.delivery)
