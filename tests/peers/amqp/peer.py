"""Starts the peer in a process of its own, and tells it what is to go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.peers.amqp.control import Answer, Burial, Order
from tests.peers.amqp.definitions import QueueDefinition, Settings, TopicDefinition
from tests.peers.amqp.server import Ports
from tests.peers.amqp.tokens import KEY, KEY_NAME
from tests.peers.process import Process

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from tests.peers.amqp.broker import State
    from tests.peers.amqp.definitions import Definition, Subscription
    from tests.peers.amqp.faults import Fault
    from tests.peers.amqp.message import Shown


class ServiceBusPeer:
    """A broker without entities; what it stores is gone with its process.

    Attributes:
        ports: Where it listens, the same as long as it runs.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        """Store what it needs; nothing runs before `start`.

        Args:
            certificate: The server's key and certificate, in one file; None is no TLS.
        """
        self._certificate = certificate
        self._process = Process("tests.peers.amqp")
        self.ports = Ports()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and return when it listens."""
        said = self._process.start([] if self._certificate is None else [self._certificate])
        self.ports = msgspec.json.decode(said, type=Ports)

    def kill(self) -> None:
        """End it as ``kill -9`` does, by its id."""
        self._process.kill()

    def define(self, *definitions: Definition) -> None:
        """Make entities, empty, in the place of those of the same names."""
        self._tell(Order(define=list(definitions)))

    def queue(self, name: str, settings: Settings | None = None) -> None:
        """Make a queue."""
        self.define(QueueDefinition(name=name, settings=settings or Settings()))

    def topic(
        self, name: str, *subscriptions: Subscription, settings: Settings | None = None
    ) -> None:
        """Make a topic."""
        made = settings or Settings()
        self.define(TopicDefinition(name=name, subscriptions=list(subscriptions), settings=made))

    def inject(self, *faults: Fault) -> None:
        """Have these go wrong, after what is to go wrong already."""
        self._tell(Order(faults=list(faults)))

    def release(self) -> None:
        """Let everything that hangs go on, and nothing more go wrong."""
        self._tell(Order(release=True))

    def hang(self) -> None:
        """Hear nobody and answer nobody until all is released; who connects hears nothing."""
        self._tell(Order(deaf=True))

    def cut(self) -> None:
        """Cut every connection that there is."""
        self._tell(Order(cut=True))

    def detach(self, condition: str = "amqp:link:detach-forced") -> None:
        """Detach every link over which clients send, as the service does with idle ones."""
        self._tell(Order(detach=condition))

    def stop_listening(self) -> None:
        """Be away: cut every connection and take no new one, and keep what is stored."""
        self._tell(Order(listening=False))

    def listen(self) -> None:
        """Be there again, at the same ports."""
        self._tell(Order(listening=True))

    def put_forward(self, seconds: float) -> None:
        """Let it be that much later, so that what is due then happens."""
        self._tell(Order(forward=seconds))

    def put_back(self) -> None:
        """Let it be now again; what happened in between stays as it is."""
        self._tell(Order(back=True))

    def bury(self, path: str, reason: str = "", description: str = "") -> None:
        """Make dead letters of all messages that are stored, as a consumer does that says why."""
        self._tell(Order(bury=Burial(path=path, reason=reason, description=description)))

    def messages(self, path: str) -> list[Shown]:
        """Return what is stored, as in ``queue`` and ``topic/Subscriptions/one``.

        ``/$DeadLetterQueue`` behind a path is its dead letters.
        """
        return self._tell(Order(read=path)).messages

    @property
    def state(self) -> State:
        """What has happened so far."""
        return self._tell(Order()).state

    def connection_string(self, *, key: str = KEY) -> str:
        """Return how to connect: without TLS, as Microsoft's emulator."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.ports.amqp};SharedAccessKeyName={KEY_NAME};"
            f"SharedAccessKey={key};UseDevelopmentEmulator=true;"
        )

    def _tell(self, order: Order) -> Answer:
        return msgspec.json.decode(self._process.tell(msgspec.json.encode(order)), type=Answer)
