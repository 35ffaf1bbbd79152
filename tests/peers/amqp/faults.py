"""What goes wrong on the wire, and when."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from tests.peers.rules import Rule

Moment: TypeAlias = Literal["connect", "token", "attach", "send", "settle", "request"]


class Fault(Rule, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that goes wrong; ``matching`` is part of an entity's path.

    Attributes:
        what: Answer with an error; detach the link; close the connection; cut it without a word;
            answer nothing; or answer late.
        at: What it happens to. A send is one transfer, a message or a batch, and has all of these.
            A connection can only be cut or hang; a link that attaches can be refused with an error
            too; a token or a request can be answered with an error, late or not at all. What a
            receiver says of a message can be cut or hang.
        after: Let it take effect first, so that only the answer is lost, late or an error; also
            what a receiver says.
        condition: The error's symbol; a link or connection may end without any.
        message: The error's text.
        seconds: How late the answer is.
    """

    what: Literal["error", "detach", "close", "cut", "hang", "slow"]
    at: Moment = "send"
    after: bool = False
    condition: str = ""
    message: str = "The test said so."
    seconds: float = 0.0


LOST_ACKNOWLEDGEMENT: Final = Fault(what="hang", after=True)
DROPPED_BEFORE: Final = Fault(what="cut")
DROPPED_AFTER: Final = Fault(what="cut", after=True)
DETACHED: Final = Fault(what="detach", condition="amqp:link:detach-forced")
SERVER_BUSY: Final = Fault(what="error", condition="com.microsoft:server-busy")
QUEUE_FULL: Final = Fault(what="error", condition="amqp:resource-limit-exceeded")
HANG: Final = Fault(what="hang", times=-1)
