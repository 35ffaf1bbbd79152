"""What a message among the dead letters is, and the copy of it that is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from azure.servicebus.amqp import (
    AmqpAnnotatedMessage,
    AmqpMessageBodyType,
    AmqpMessageHeader,
    AmqpMessageProperties,
)

from experimentframework_core.broker_letters import BrokerLetter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.servicebus import ServiceBusReceivedMessage

    from experimentframework_servicebus._namespace.entities import Place

T = TypeVar("T")

_PREVIOUS: Final = {
    "DeadLetterReason": "PreviousDeadLetterReason",
    "DeadLetterErrorDescription": "PreviousDeadLetterErrorDescription",
}
"""What the service writes into a dead letter, and what that is called in the copy."""

_PARTITION_KEY: Final = b"x-opt-partition-key"
_OVERHEAD: Final = 1024
"""Bytes of properties and framing that a message may have."""

_LARGEST_INT: Final = 2**31 - 1
_LARGEST_LONG: Final = 2**63 - 1


class CannotCopyError(Exception):
    """A message cannot be sent again as it is; the text says why."""


def key_of(place: Place, number: int) -> str:
    """Return what names a dead letter of a queue or subscription."""
    return f"{place._replace(dead_letters=False)}#{number}"


def letter_of(message: ServiceBusReceivedMessage, place: Place) -> BrokerLetter:
    """Return a dead letter of a queue or subscription as everybody sees it."""
    number = message.sequence_number or 0
    return BrokerLetter(
        key=key_of(place, number),
        place=str(place._replace(dead_letters=False)),
        body=_body(message),
        message_id=None if message.message_id is None else str(message.message_id),
        number=number,
        reason=message.dead_letter_reason,
        description=message.dead_letter_error_description,
        source=message.dead_letter_source,
        deliveries=message.delivery_count or 0,
        enqueued_at=message.enqueued_time_utc,
        details=dict(_details(message)),
    )


def copy_of(message: ServiceBusReceivedMessage) -> AmqpAnnotatedMessage:
    """Return a message that is the same, but for what the service added to it.

    Why it was a dead letter stays in it, under names that the service does not use. It may live
    as long again as it might before.

    Raises:
        CannotCopyError: The client cannot send it as it is.
    """
    raw = message.raw_amqp_message
    if raw.body_type is not AmqpMessageBodyType.DATA:
        raise CannotCopyError("its body is no bytes, and would not be the same")
    found = raw.properties
    partition_key = (raw.annotations or {}).get(_PARTITION_KEY)
    ttl = raw.header and raw.header.time_to_live
    # By bytes, as the client itself writes and reads it.
    annotations: dict[str | bytes, object] = {_PARTITION_KEY: partition_key}
    return AmqpAnnotatedMessage(
        data_body=list(raw.body),
        header=AmqpMessageHeader(time_to_live=ttl) if ttl else None,
        properties=found
        and AmqpMessageProperties(
            message_id=_text(found.message_id),
            user_id=found.user_id,
            to=_text(found.to),
            subject=_text(found.subject),
            reply_to=_text(found.reply_to),
            correlation_id=_text(found.correlation_id),
            content_type=_text(found.content_type),
            content_encoding=_text(found.content_encoding),
            group_id=_text(found.group_id),
            group_sequence=found.group_sequence,
            reply_to_group_id=_text(found.reply_to_group_id),
        ),
        application_properties=dict(_properties(message)),
        annotations=annotations if partition_key else None,  # type: ignore[arg-type]
    )


def size_of(message: ServiceBusReceivedMessage) -> int:
    """Return about how many bytes a message has."""
    return _OVERHEAD + len(_body(message))


def _body(message: ServiceBusReceivedMessage) -> bytes:
    if message.body_type is AmqpMessageBodyType.DATA:
        return b"".join(message.body)
    return repr(_text(message.body)).encode()


def _details(message: ServiceBusReceivedMessage) -> Iterator[tuple[str, str]]:
    named: dict[str, object] = {
        "session": message.session_id,
        "partition key": message.partition_key,
        "subject": message.subject,
        "correlation id": message.correlation_id,
        "content type": message.content_type,
        "time to live": message.time_to_live,
    }
    for name, value in named.items():
        if value is not None:
            yield name, str(value)
    for key, value in (message.application_properties or {}).items():
        name = str(_text(key))
        if name not in _PREVIOUS:
            yield f"property {name}", str(_text(value))


def _properties(message: ServiceBusReceivedMessage) -> Iterator[tuple[str, object]]:
    for key, value in (message.application_properties or {}).items():
        name = str(_text(key))
        yield _PREVIOUS.get(name, name), _sendable(name, _text(value))


def _sendable(name: str, value: object) -> object:
    """Return a value as the client encodes it: it takes a whole number for one of 32 bits."""
    if isinstance(value, bytes):
        raise CannotCopyError(f"its property {name} is no text, and would not be the same")
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) <= _LARGEST_INT:
        return value
    return {"TYPE": "LONG" if value <= _LARGEST_LONG else "ULONG", "VALUE": value}


def _text(value: T) -> T | str:
    """Return text that the client left in bytes; everything else as it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
