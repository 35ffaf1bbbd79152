"""What a test says to the process, and what it hears."""

from __future__ import annotations

import msgspec

from tests.peers.amqp.broker import State
from tests.peers.amqp.definitions import Definition
from tests.peers.amqp.faults import Fault
from tests.peers.amqp.message import Shown


class Burial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose messages are to be dead letters, and why."""

    path: str
    reason: str = ""
    description: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be done, in this order.

    Attributes:
        define: Make these entities, empty.
        release: Let everything that hangs go on, hear everybody, and let nothing more go wrong.
        listening: Listen again, or stop listening and cut every connection.
        deaf: Hear nobody and answer nobody until all is released.
        cut: Cut every connection.
        detach: Detach every link over which clients send, with that error; "" is none.
        forward: Let it be that many seconds later.
        back: Let it be now again.
        bury: Make dead letters of these.
        faults: Have these happen.
        read: Show the messages of the entity at that path.
    """

    define: list[Definition] = []
    release: bool = False
    listening: bool | None = None
    deaf: bool = False
    cut: bool = False
    detach: str | None = None
    forward: float = 0.0
    back: bool = False
    bury: Burial | None = None
    faults: list[Fault] = []
    read: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened so far, and the messages that were asked for."""

    state: State
    messages: list[Shown] = []
