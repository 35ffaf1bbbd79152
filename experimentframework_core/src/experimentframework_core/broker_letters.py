"""What a plugin offers whose broker puts messages aside itself: to look at them, send, remove."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection


class BrokerLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a broker has put aside itself, as in a dead-letter queue.

    Attributes:
        key: What names it to `BrokerDeadLetters`; no other one there has it.
        place: Whose dead letter it is, for a person: the queue or subscription.
        body: What is in it; the event's JSON where it is an event of ours.
        message_id: The id that its sender gave it.
        number: Its number, where the broker numbers messages.
        reason: Why it was put aside, as the broker or a consumer says.
        description: The same at length.
        source: Where it was put aside, if that was somewhere else and it was sent on.
        deliveries: How often it was given to consumers in vain.
        enqueued_at: When the broker got it, in UTC.
        details: What else a person may want to see, by its name.
    """

    key: str
    place: str
    body: bytes
    message_id: str | None = None
    number: int | None = None
    reason: str | None = None
    description: str | None = None
    source: str | None = None
    deliveries: int = 0
    enqueued_at: datetime | None = None
    details: Mapping[str, str] = msgspec.field(default_factory=dict)


class LetterOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one letter.

    Attributes:
        key: The letter's key.
        left: Why it is still there, and what to do; None where it is gone.
    """

    key: str
    left: str | None = None


class BrokerDeadLetters(Protocol):
    """The dead letters that a broker keeps itself, of the destinations of one backplane.

    Consumers and other processes may use them meanwhile. Nothing waits for ever: where the broker
    does not answer in time that is a TransientError, and where it refuses us an UnavailableError;
    what has no outcome by then is still there. Memory is bounded whatever there is. One of the
    three methods runs at a time.

    A run that is to end early is cancelled once: the letters under way then come to their end and
    their outcomes are still yielded, before CancelledError is raised. A second cancellation ends it
    at once.
    """

    def look(self) -> AsyncGenerator[BrokerLetter, None]:
        """Yield those that are there now, of each place the oldest first, and change nothing."""

    def requeue(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Send letters to where they came from, and yield the outcome of each.

        One is removed after the broker has confirmed that it stored the copy. So the end of this
        process at any moment repeats some, and loses none. A copy has the same body and the same
        message id. What the broker would drop is left.
        """

    def purge(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Remove letters for ever, and yield the outcome of each; no other one is removed."""
