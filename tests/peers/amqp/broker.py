"""The broker: its entities, its connections, its clock, and what is asked of it from outside."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from tests.peers.amqp.connection import Connection
from tests.peers.amqp.namespace import Namespace
from tests.peers.rules import Coming

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.peers.amqp.engine import Outlet
    from tests.peers.amqp.faults import Fault

_sweep_seconds: Final = 0.05


class State(msgspec.Struct, kw_only=True):
    """What has happened so far.

    Attributes:
        connections: How many there are now.
        senders: How many links there are now over which clients send, by the path of the entity.
        attached: How many of those there have been.
        receivers: How many links there are now over which clients receive, by the path of the
            entity.
        sends: How many transfers came: messages and batches.
        at_once: The most that one link had under way.
        duplicates: How many messages were dropped because they had come before.
        hanging: How many answers hang now.
        faults: How many rules for faults are left.
    """

    connections: int = 0
    senders: dict[str, int] = {}
    attached: int = 0
    receivers: dict[str, int] = {}
    sends: int = 0
    at_once: int = 0
    duplicates: int = 0
    hanging: int = 0
    faults: int = 0


class Broker:
    """What all connections share.

    Attributes:
        namespace: The entities.
        faults: What is to go wrong.
        deaf: Whether no client is heard or answered.
    """

    def __init__(self) -> None:
        """Begin with no entity and no connection."""
        self.namespace = Namespace()
        self.faults: Coming[Fault] = Coming()
        self.deaf = False
        self._connections: list[Connection] = []
        self._hanging: list[Callable[[], None]] = []
        self._counts = State()
        self._ahead = 0
        self._waking = False

    def now(self) -> int:
        """Return the time, in milliseconds since 1970, as far as it was put forward."""
        return round(time.time() * 1000) + self._ahead

    def put_forward(self, seconds: float) -> None:
        """Let it be later."""
        self._ahead += round(seconds * 1000)

    async def sweep(self) -> None:
        """Do what is due, for ever."""
        while True:
            await asyncio.sleep(_sweep_seconds)
            self.tick()

    def tick(self) -> None:
        """Do what is due."""
        now = self.now()
        for queue in self.namespace.queues():
            queue.tick(now)
        for connection in list(self._connections):
            connection.tick(time.monotonic(), now)
        self.wake()

    def wake(self) -> None:
        """Let messages go where they can, and what is to be said be said."""
        if self._waking or self.deaf:
            return
        self._waking = True
        try:
            for connection in list(self._connections):
                connection.pump()
            for connection in list(self._connections):
                connection.flush()
        finally:
            self._waking = False

    def welcome(self, outlet: Outlet) -> Connection | None:
        """Take up a connection; None if it is to hear nothing from us, or is cut."""
        fault = self.faults.take("connect", "")
        if fault is not None and fault.what == "cut":
            outlet.abort()
        if fault is not None:
            return None
        connection = Connection(self, outlet)
        self._connections.append(connection)
        return connection

    def left(self, connection: Connection) -> None:
        """Forget a connection."""
        with suppress(ValueError):
            self._connections.remove(connection)

    def attached(self) -> None:
        """Count a link over which a client sends."""
        self._counts.attached += 1

    def sent(self, _path: str, at_once: int) -> None:
        """Count a transfer, with what is under way on its link."""
        self._counts.sends += 1
        self._counts.at_once = max(self._counts.at_once, at_once)

    def hang(self, answer: Callable[[], None]) -> None:
        """Keep an answer until everything is released."""
        self._hanging.append(answer)

    def release(self) -> None:
        """Let everything that hangs go on, hear everybody, and let nothing more go wrong."""
        self.faults.clear()
        self.deaf = False
        hanging, self._hanging = self._hanging, []
        for answer in hanging:
            answer()
        for connection in list(self._connections):
            connection.hear()

    def cut_all(self) -> None:
        """End every connection at once."""
        for connection in list(self._connections):
            connection.cut()

    def detach_senders(self, condition: str) -> None:
        """Detach every link over which clients send."""
        for connection in list(self._connections):
            connection.detach_senders(condition)
        self.wake()

    @property
    def state(self) -> State:
        """What has happened so far."""
        return msgspec.structs.replace(
            self._counts,
            connections=len(self._connections),
            senders=Counter(path for each in self._connections for path in each.senders()),
            receivers=Counter(path for each in self._connections for path in each.receivers()),
            duplicates=self.namespace.duplicates(),
            hanging=len(self._hanging),
            faults=self.faults.left(),
        )
