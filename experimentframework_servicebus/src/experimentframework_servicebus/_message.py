"""What a record is as a message of Service Bus."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from experimentframework_core.destinations import owner_of
from experimentframework_core.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

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


def writer_of_messages(options: ServiceBusOptions) -> Callable[[Record], AmqpAnnotatedMessage]:
    """Return a function that makes messages.

    They are the client's annotated messages: a ``ServiceBusMessage`` sets the same fields through
    properties that check them, at twice the cost.

    The function raises PermanentError where the service cannot take the record.
    """
    from azure.servicebus.amqp import (
        AmqpAnnotatedMessage,
        AmqpMessageHeader,
        AmqpMessageProperties,
    )

    minutes = options.message_time_to_live_minutes
    header = minutes and AmqpMessageHeader(time_to_live=minutes * _MILLISECONDS)

    def message_of(record: Record) -> AmqpAnnotatedMessage:
        event_id, milliseconds = record.id_and_milliseconds()
        event_type = spelt(record.event_type, options)
        said: dict[str, object] = {
            "EventType": event_type,
            "SchemaVersion": record.schema_version,
            "Timestamp": {"TYPE": "LONG", "VALUE": milliseconds},
        }
        if record.traceparent is not None:
            said["traceparent"] = record.traceparent
        return AmqpAnnotatedMessage(
            data_body=record.body,
            header=header or None,
            properties=AmqpMessageProperties(
                message_id=_message_id(event_id),
                subject=event_type,
                correlation_id=record.correlation_id,
                content_type="application/json",
                group_id=session_of(record, options),
            ),
            application_properties=said,
        )

    return message_of


def spelt(event_type: str, options: ServiceBusOptions) -> str:
    """Return how an event type is spelt in subject and properties."""
    if options.event_type_case == "pascal":
        return event_type[:1].upper() + event_type[1:]
    return event_type


def _message_id(event_id: bytes) -> str:
    text = event_id.decode()
    if len(text) > LONGEST_ID:
        raise PermanentError(
            f"cannot be a message of Service Bus: its event id has {len(text):,} characters; "
            f"expected at most {LONGEST_ID}"
        )
    return text
