"""What the tests over the wire share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core.errors import PartialBatchError, TransientError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
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


async def deliver_all(backplane: Backplane, batch: Sequence[Record]) -> int:
    """Deliver as a channel does, without its pauses; return how many calls failed."""
    left, failed = list(batch), 0
    while left:
        try:
            await backplane.deliver(left)
        except PartialBatchError as error:
            left = [left[index] for index in sorted(error.failures)]
        except TransientError:
            await asyncio.sleep(0.01)
        else:
            break
        failed += 1
    return failed


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
