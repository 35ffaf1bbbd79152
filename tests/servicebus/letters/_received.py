"""Messages as the client gives them to a receiver, made without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus._transport._pyamqp_transport import PyamqpTransport

if TYPE_CHECKING:
    from azure.servicebus.amqp import AmqpAnnotatedMessage


def received(message: AmqpAnnotatedMessage) -> ServiceBusReceivedMessage:
    """Return a message that was sent, as it is received."""
    outgoing = PyamqpTransport.to_outgoing_amqp_message(message)
    sent = ServiceBusMessage(None, message=outgoing, raw_amqp_message=message)
    return ServiceBusReceivedMessage.from_bytes(bytes(PyamqpTransport.encode_message(sent)))
