"""What goes wrong, and when."""

from __future__ import annotations

from typing import Literal, TypeAlias

from tests.peers.rules import Rule

Moment: TypeAlias = Literal["login", "types", "statement", "query", "commit"]


class Fault(Rule, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that goes wrong; ``matching`` is part of a statement's text or of a parameter.

    Attributes:
        what: Answer with an error; cut the connection; answer nothing; or answer late.
        at: What it happens to. A statement is all that comes in one message, a query one SELECT,
            INSERT, UPDATE or DELETE of it. A commit is one of a transaction that has begun.
            Types is pyodbc's question how long values may be, of its first connection.
        after: Let it take effect first, so that only the answer is lost, late or an error.
        number: The error's number.
        message: The error's text.
        severity: The error's severity; from 20 on the connection is closed behind it.
        dooms: Whether the error rolls the transaction back, as a deadlock does.
        seconds: How late the answer is.
        deaf: Whether a statement that hangs takes no notice of being cancelled either.
    """

    what: Literal["error", "cut", "hang", "slow"]
    at: Moment = "statement"
    after: bool = False
    number: int = 0
    message: str = ""
    severity: int = 16
    dooms: bool = False
    seconds: float = 0.0
    deaf: bool = False
