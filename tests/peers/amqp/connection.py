"""One connection: which links a client may have, and what comes over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from proton import Receiver, Sender, Session

from tests.peers.amqp.engine import Engine
from tests.peers.amqp.errors import VENDOR, AmqpError, not_found
from tests.peers.amqp.links import Incoming, Outgoing, refuse
from tests.peers.amqp.queue import Queue
from tests.peers.amqp.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proton import Delivery

    from tests.peers.amqp.broker import Broker
    from tests.peers.amqp.engine import Outlet

_tokens: Final = "$cbs"
_management: Final = "/$management"
_session_timeout_ms: Final = 65_000


class Connection:
    """A client's connection.

    Attributes:
        broker: Whose client it is.
        gone: Whether it has ended.
    """

    def __init__(self, broker: Broker, outlet: Outlet) -> None:
        """Begin; the client speaks first."""
        self.broker = broker
        self.gone = False
        self._outlet = outlet
        self._engine = Engine(self, outlet)
        self._unheard = bytearray()
        self._authorized: set[str] = set()
        self._incoming: dict[Receiver, Incoming] = {}
        self._outgoing: dict[Sender, Outgoing] = {}
        self._waiting: dict[Sender, tuple[Queue, int]] = {}
        self._requests: dict[tuple[Session, str], Requests] = {}
        self._request_links: dict[Receiver, Requests] = {}

    def received(self, data: bytes) -> None:
        """Take what the client said; while the broker is deaf, keep it for later."""
        self._unheard += data
        self.hear()

    def hear(self) -> None:
        """Act on what the client said, unless the broker is deaf."""
        while self._unheard and not self.broker.deaf and not self.gone:
            self._engine.push(self._unheard)
        self.broker.wake()

    def flush(self) -> None:
        """Send what there is to say."""
        if not self.gone and not self.broker.deaf:
            self._engine.flush()

    def pump(self) -> None:
        """Give sessions to those who wait for one, and messages to all."""
        for link, (queue, _) in list(self._waiting.items()):
            name = queue.free_session()
            if name is not None:
                del self._waiting[link]
                self._receive(link, queue, name)
        for outgoing in self._outgoing.values():
            outgoing.pump()

    def tick(self, seconds: float, now: int) -> None:
        """Do what is due: heartbeats, sessions that are lost, waits that are over."""
        if not self.broker.deaf:
            self._engine.tick(seconds)
        for link, (_, until) in list(self._waiting.items()):
            if until <= now:
                del self._waiting[link]
                refuse(link, AmqpError(f"{VENDOR}timeout", "No session became available."))
        for link, outgoing in list(self._outgoing.items()):
            if outgoing.session in outgoing.queue.sessions.lost(now):
                del self._outgoing[link]
                outgoing.lose()

    def cut(self) -> None:
        """End it at once, without a word."""
        self._outlet.abort()
        self.lost()

    def close(self, condition: str, message: str) -> None:
        """End it with an error, or without for an empty condition."""
        self._engine.close(condition, message)

    def detach_senders(self, condition: str) -> None:
        """Detach every link over which the client sends."""
        for incoming in self._incoming.values():
            incoming.detach(condition, "The test said so.")

    def senders(self) -> Iterable[str]:
        """Return the paths of the links over which the client sends."""
        return [each.path for each in self._incoming.values()]

    def receivers(self) -> Iterable[str]:
        """Return the paths of the links over which the client receives."""
        return [each.queue.path for each in self._outgoing.values()]

    def lost(self) -> None:
        """Give back everything that it holds; may be said twice."""
        if self.gone:
            return
        self.gone = True
        for outgoing in self._outgoing.values():
            outgoing.end()
        self._incoming.clear()
        self._outgoing.clear()
        self._waiting.clear()
        self._requests.clear()
        self._request_links.clear()
        self.broker.left(self)

    def authorize(self, audience: str) -> None:
        """Let the client use the entity of an audience."""
        self._authorized.add(_path(audience).lower())

    def attached(self, link: Sender | Receiver) -> None:
        """Take up a link, or refuse it."""
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.snd_settle_mode = link.remote_snd_settle_mode
        link.rcv_settle_mode = link.remote_rcv_settle_mode
        end = link.remote_source if isinstance(link, Sender) else link.remote_target
        path = _path(end.address or "")
        try:
            if path == _tokens or path.lower().endswith(_management):
                self._attach_requests(link, path)
            else:
                self._attach_messages(link, path)
        except AmqpError as error:
            refuse(link, error)

    def detached(self, link: Sender | Receiver) -> None:
        """End a link."""
        if isinstance(link, Sender):
            self._waiting.pop(link, None)
            outgoing = self._outgoing.pop(link, None)
            if outgoing is not None:
                outgoing.end()
        else:
            self._incoming.pop(link, None)
            self._request_links.pop(link, None)
        link.close()

    def delivered(self, link: Sender | Receiver, delivery: Delivery) -> None:
        """Take what came, or what the client made of what it got."""
        if isinstance(link, Sender):
            if delivery.updated and link in self._outgoing:
                self._outgoing[link].settled(delivery)
            elif delivery.updated:
                delivery.settle()
        elif delivery.readable and not delivery.partial:
            if link in self._incoming:
                self._incoming[link].arrived(delivery)
            elif link in self._request_links:
                self._request_links[link].arrived(link, delivery)

    def _attach_requests(self, link: Sender | Receiver, path: str) -> None:
        entity = None
        if path != _tokens:
            entity = self.broker.namespace.find(path[: -len(_management)])
            if entity is None:
                raise not_found(path)
        requests = self._requests.setdefault((link.session, path), Requests(self, entity))
        if isinstance(link, Sender):
            requests.attach_answers(link)
        else:
            self._request_links[link] = requests
            requests.attach_requests(link)

    def _attach_messages(self, link: Sender | Receiver, path: str) -> None:
        if path.lower() not in self._authorized:
            text = f"Unauthorized access. 'Send' or 'Listen' claim is required for '{path}'."
            raise AmqpError("amqp:unauthorized-access", text)
        fault = self.broker.faults.take("attach", path)
        if fault is not None and fault.what == "error":
            raise AmqpError(fault.condition, fault.message)
        if fault is not None:
            if fault.what == "cut":
                self.cut()
            return
        entity = self.broker.namespace.find(path)
        if entity is None:
            raise not_found(path)
        if isinstance(link, Receiver):
            self._incoming[link] = Incoming(self, link, path, entity)
            self.broker.attached()
        elif isinstance(entity, Queue):
            self._attach_receiver(link, entity)
        else:
            raise AmqpError("amqp:not-allowed", "A topic has no messages; use a subscription.")

    def _attach_receiver(self, link: Sender, queue: Queue) -> None:
        filters = link.remote_source.filter
        filters.rewind()
        said = filters.get_dict() if filters.next() else {}
        wanted = {str(key): value for key, value in said.items()}
        key = f"{VENDOR}session-filter"
        if queue.settings.sessions != (key in wanted):
            must = "requires" if queue.settings.sessions else "does not require"
            raise AmqpError("amqp:not-allowed", f"The entity '{queue.path}' {must} sessions.")
        if key not in wanted:
            self._receive(link, queue, None)
        elif wanted[key] is None:
            patience = (link.remote_properties or {}).get(f"{VENDOR}timeout", _session_timeout_ms)
            self._waiting[link] = (queue, self.broker.now() + int(patience))
        elif queue.sessions.held(str(wanted[key])):
            text = f"The requested session '{wanted[key]}' cannot be accepted."
            raise AmqpError(f"{VENDOR}session-cannot-be-locked", text)
        else:
            self._receive(link, queue, str(wanted[key]))

    def _receive(self, link: Sender, queue: Queue, session: str | None) -> None:
        self._outgoing[link] = Outgoing(self, link, queue, session)


def _path(address: str) -> str:
    return urlsplit(address).path.strip("/") if "://" in address else address.strip("/")
