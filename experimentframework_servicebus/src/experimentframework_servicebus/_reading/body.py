"""What event a message holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.servicebus.amqp import AmqpMessageBodyType

from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage


def body_of(message: ServiceBusReceivedMessage) -> bytes:
    """Return the bytes of a message.

    Raises:
        InvalidEventError: It has a value in the place of bytes.
    """
    if message.body_type is not AmqpMessageBodyType.DATA:
        raise InvalidEventError("the message holds no bytes, as an event does")
    return b"".join(message.body)
