"""What the broker refuses, with the condition that the client maps to an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proton import Condition, symbol

if TYPE_CHECKING:
    from tests.peers.amqp.values import Value

VENDOR: Final = "com.microsoft:"


class AmqpError(Exception):
    """A refusal.

    Attributes:
        condition: The symbol that says what it is.
        description: What a person reads.
    """

    def __init__(self, condition: str, description: str) -> None:
        """Store both."""
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description


def as_condition(error: AmqpError) -> Condition:
    """Return the error as it goes over the wire.

    Its info is never empty: the client reads the third field of an error without looking whether
    there is one, and waits for ever when that fails.
    """
    info: Value = {symbol("tracking-id"): "tests.peers.amqp"}
    return Condition(error.condition, error.description, info)


def not_found(path: str) -> AmqpError:
    """Return the error of an entity that is not there."""
    return AmqpError("amqp:not-found", f"The messaging entity '{path}' could not be found.")


def lock_lost(*, session: bool) -> AmqpError:
    """Return the error of a message or a session that somebody else may have by now."""
    what = "session" if session else "message"
    return AmqpError(f"{VENDOR}{what}-lock-lost", f"The {what} lock supplied is invalid.")
