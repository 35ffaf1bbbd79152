"""What the tests over the wire share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from azure.servicebus.aio import ServiceBusClient

from experimentframework_core.plugin import OpenContext
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, plugin
from experimentframework_servicebus._connection.client import SOCKET_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.amqp import AmqpAnnotatedMessage

    from experimentframework_core.envelope import Record
    from tests.peers.amqp.peer import ServiceBusPeer

CONTEXT = OpenContext(name="events", delivery_timeout=10)

LEAKS = (
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::ResourceWarning",
)
"""The client leaves the socket of a lost connection to the garbage collector."""


def options_of(peer: ServiceBusPeer, queue: str | None = None, **said: object) -> ServiceBusOptions:
    """Return options of a queue of the peer, with whatever else is said."""
    return ServiceBusOptions(
        connection_string=Secret(peer.connection_string()),
        queue_name=queue,
        **said,  # type: ignore[arg-type]
    )


async def deliver(options: ServiceBusOptions, batch: Sequence[Record]) -> None:
    """Deliver records, and close."""
    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(batch)


async def send(
    peer: ServiceBusPeer, queue: str, message: ServiceBusMessage | AmqpAnnotatedMessage
) -> None:
    """Send to a queue as somebody else does."""
    text = peer.connection_string()
    async with (
        ServiceBusClient.from_connection_string(text, retry_total=0) as client,
        client.get_queue_sender(queue, socket_timeout=SOCKET_TIMEOUT) as sender,
    ):
        await sender.send_messages(message, timeout=5)


async def until(true: Callable[[], bool]) -> None:
    """Return when that is so."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - it becomes true in another process
            await asyncio.sleep(0.01)


def ids(records: Sequence[Record]) -> list[str]:
    """Return the ids of the records' events."""
    return [record.event_id for record in records]


def stored(peer: ServiceBusPeer, path: str) -> list[str]:
    """Return the message ids that are stored, in order."""
    return [message.message_id for message in peer.messages(path)]
