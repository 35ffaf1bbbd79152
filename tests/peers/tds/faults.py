"""What goes wrong, and when: the rules that a test gives, and which of them is next."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Moment: TypeAlias = Literal["login", "types", "statement", "query", "commit"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that goes wrong.

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
        matching: Only statements with this in their text or in a parameter.
        skip: How many of those pass before the first that fails.
        times: How many fail; -1 is all.
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
    matching: str = ""
    skip: int = 0
    times: int = 1


class Faults:
    """The faults that are still to come; each statement gets the first that is meant for it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._coming: list[Fault] = []

    def add(self, faults: list[Fault]) -> None:
        """Have these happen too, after those that were added before."""
        self._coming += faults

    def clear(self) -> None:
        """Have none happen any more."""
        self._coming.clear()

    def left(self) -> int:
        """Return how many rules are still waiting for their turn."""
        return len(self._coming)

    def take(self, moment: Moment, *texts: str) -> Fault | None:
        """Return what happens now to something of that kind, with these texts."""
        for place, fault in enumerate(self._coming):
            if fault.at != moment or not any(fault.matching in text for text in texts):
                continue
            if fault.skip:
                self._coming[place] = msgspec.structs.replace(fault, skip=fault.skip - 1)
                return None
            if fault.times == 1:
                del self._coming[place]
            elif fault.times > 1:
                self._coming[place] = msgspec.structs.replace(fault, times=fault.times - 1)
            return fault
        return None
