"""An error that the client is told by its number."""

from __future__ import annotations

from typing import Final

FATAL: Final = 20
"""The severity from which on the server closes the connection too."""


class SqlError(Exception):
    """What stands in an error token.

    Attributes:
        number: The number, as SQL Server has it for such a case.
        message: The text.
        severity: How bad it is; from `FATAL` on the connection ends.
        state: Where in the server it arose.
        dooms: Whether the session's transaction is rolled back with it.
    """

    def __init__(
        self,
        number: int,
        message: str,
        *,
        severity: int = 16,
        state: int = 1,
        dooms: bool = False,
    ) -> None:
        """Hold the facts."""
        super().__init__(message)
        self.number = number
        self.message = message
        self.severity = severity
        self.state = state
        self.dooms = dooms


def unknown(what: str, at: str) -> SqlError:
    """Return the refusal of something that this server does not know, in its own words."""
    return SqlError(
        50001,
        f"the TDS peer of these tests does not know {what}, at: {at[:200]!r}; "
        "teach it in tests/peers/tds, if the statement is right",
    )
