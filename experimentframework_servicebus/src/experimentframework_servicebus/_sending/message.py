"""What a record is as a message of Service Bus."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.destinations import owner_of
from experimentframework_core.errors import PermanentError

if TYPE_CHECKING:
    from azure.servicebus.amqp import AmqpAnnotatedMessage

    from experimentframework_core.envelope import Record
    from experimentframework_servicebus._options import ServiceBusOptions

LONGEST_ID = 128
"""Most characters of a message id or a session id that the service takes."""

_KEPT = LONGEST_ID - 33
_MILLISECONDS = 60_000


def session_of(record: Record, options: ServiceBusOptions) -> str | None:
    """Return the id of the record's session; None without sessions.

    An owner that is longer than an id may be is cut, with a digest of the whole at the end, so
    that its events are still one session and nobody else's.
    """
    if not options.enable_sessions:
        return None
    owner = owner_of(record, options.session_strategy)
    if len(owner) <= LONGEST_ID:
        return owner
    return f"{owner[:_KEPT]}~{blake2b(owner.encode(), digest_size=16).hexdigest()}"


class Message(NamedTuple):
    """A record as a message.

    Attributes:
        message_id: The event's id.
        milliseconds: When it happened, since 1970.
        event_type: Its type, as the message spells it.
        schema_version: The version of its payload.
        correlation_id: What it belongs to.
        traceparent: Its trace context.
        session: Its session; None without sessions.
        lives: Milliseconds after which it expires; None where nothing is said.
        body: The event.
    """

    message_id: bytes
    milliseconds: int
    event_type: str
    schema_version: str
    correlation_id: str | None
    traceparent: str | None
    session: str | None
    lives: int | None
    body: bytes

    def annotated(self) -> AmqpAnnotatedMessage:
        """Return it as the client takes it.

        A ``ServiceBusMessage`` sets the same fields through properties that check them, at three
        times the cost.
        """
        from azure.servicebus.amqp import (
            AmqpAnnotatedMessage,
            AmqpMessageHeader,
            AmqpMessageProperties,
        )

        said: dict[str, object] = {
            "EventType": self.event_type,
            "SchemaVersion": self.schema_version,
            "Timestamp": {"TYPE": "LONG", "VALUE": self.milliseconds},
        }
        if self.traceparent is not None:
            said["traceparent"] = self.traceparent
        return AmqpAnnotatedMessage(
            data_body=self.body,
            header=AmqpMessageHeader(time_to_live=self.lives) if self.lives else None,
            properties=AmqpMessageProperties(
                message_id=self.message_id.decode(),
                subject=self.event_type,
                correlation_id=self.correlation_id,
                content_type="application/json",
                group_id=self.session,
            ),
            application_properties=said,
        )


def message_of(record: Record, options: ServiceBusOptions) -> Message:
    """Return what a record is as a message.

    Raises:
        PermanentError: The service cannot take it.
    """
    event_id, milliseconds = record.id_and_milliseconds()
    if len(event_id) > LONGEST_ID and len(event_id.decode()) > LONGEST_ID:
        raise PermanentError(
            f"cannot be a message of Service Bus: its event id has {len(event_id.decode()):,} "
            f"characters; expected at most {LONGEST_ID}"
        )
    minutes = options.message_time_to_live_minutes
    return Message(
        event_id,
        milliseconds,
        spelt(record.event_type, options),
        record.schema_version,
        record.correlation_id,
        record.traceparent,
        session_of(record, options),
        minutes and minutes * _MILLISECONDS,
        record.body,
    )


def spelt(event_type: str, options: ServiceBusOptions) -> str:
    """Return how an event type is spelt in subject and properties."""
    if options.event_type_case == "pascal":
        return event_type[:1].upper() + event_type[1:]
    return event_type
