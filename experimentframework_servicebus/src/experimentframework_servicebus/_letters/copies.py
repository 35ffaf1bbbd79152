"""Puts copies of dead letters where they came from, and looks whether they are there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from azure.servicebus.exceptions import ServiceBusError

from experimentframework_core.errors import TransientError
from experimentframework_servicebus._connection.calls import GRACE
from experimentframework_servicebus._connection.client import sender_of
from experimentframework_servicebus._connection.errors import failure_of, refuses_content
from experimentframework_servicebus._letters.letter import CannotCopyError, copy_of, size_of
from experimentframework_servicebus._namespace.entities import Place
from experimentframework_servicebus._reading.pages import PAGE, partition_of
from experimentframework_servicebus._reading.peeking import Peeker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
    from azure.servicebus.amqp import AmqpAnnotatedMessage

    from experimentframework_servicebus._connection.calls import Calls
    from experimentframework_servicebus._options import ServiceBusOptions
    from experimentframework_servicebus._reading.pages import Pages

DELAY = timedelta(seconds=30)
"""How long a copy stays where it can be seen and not be taken."""

DROPPED = (
    "the service does not have its copy: duplicate detection still remembers its message id, so "
    "try again when its window is over (10 minutes after it was sent last, where nobody said "
    f"otherwise); without it, this machine's clock is more than {DELAY.seconds} seconds behind"
)
NOT_SEEN = (
    "it was sent, but it took too long to see whether the service has its copy: look for it before "
    "you try again"
)

_IN_TIME = 0.8
"""The part of the delay in which we must have looked."""

_LARGEST_REQUEST = 192 * 1024
"""Bytes that are sent at once: as much as a queue of the standard tier surely takes."""


class Copies:
    """Copies in one queue or topic.

    That a send is confirmed says little: what duplicate detection drops is confirmed like what is
    stored. So a copy is scheduled for a moment later. Until then no consumer can take it, and we
    see whether it is there.
    """

    def __init__(
        self, client: ServiceBusClient, entity: str, options: ServiceBusOptions, calls: Calls
    ) -> None:
        """Store where they go; nothing is opened."""
        self._client = client
        self._entity = entity
        self._options = options
        self._calls = calls
        self._timeout = options.send_timeout_ms / 1000
        self._peeker = Peeker(client, Place(entity), options, calls)
        self._link: ServiceBusSender | None = None

    async def put(self, messages: Sequence[Message]) -> list[str | None]:
        """Return of each message why there is no copy of it; None where one is stored.

        Raises:
            UnavailableError: We may not send or look, or nothing is there to send to.
            TransientError: The service does not answer; copies may be stored.
        """
        await self._open()
        left: dict[int, str] = {}
        copies: dict[int, AmqpAnnotatedMessage] = {}
        for index, message in enumerate(messages):
            try:
                copies[index] = copy_of(message)
            except CannotCopyError as error:
                left[index] = str(error)
        for portion in _portions(messages, list(copies)):
            left |= await self._put({index: copies[index] for index in portion}, messages)
        return [left.get(index) for index in range(len(messages))]

    def drop(self) -> None:
        """Disconnect in the background."""
        self._peeker.drop()
        link, self._link = self._link, None
        if link is not None:
            self._calls.start(link.close(), name=f"{self._entity}.close")

    async def _open(self) -> None:
        """Connect, and see that we may look before anything is sent."""
        if self._link is not None:
            return
        await self._peeker.page(1, 1)
        self._link = sender_of(self._client, self._entity, self._options)
        try:
            await self._calls.run(
                self._link.__aenter__(), self._timeout, name=f"{self._entity}.open"
            )
        except (ServiceBusError, TimeoutError) as error:
            raise failure_of(error, "send to", self._entity, self._options) from error

    async def _put(
        self, copies: Mapping[int, AmqpAnnotatedMessage], messages: Sequence[Message]
    ) -> dict[int, str]:
        """Send and look; return the copies that are not stored, with the reason."""
        now = asyncio.get_running_loop().time
        too_late = now() + DELAY.total_seconds() * _IN_TIME
        indexes = list(copies)
        try:
            numbers = await self._schedule(list(copies.values()))
        except (ServiceBusError, TimeoutError) as error:
            if not refuses_content(error):
                raise failure_of(error, "send to", self._entity, self._options) from error
            if len(indexes) > 1:
                middle = len(indexes) // 2
                halves = indexes[:middle], indexes[middle:]
                left: dict[int, str] = {}
                for half in halves:
                    left |= await self._put({index: copies[index] for index in half}, messages)
                return left
            why = failure_of(error, "send to", self._entity, self._options)
            if isinstance(why, TransientError):
                raise why from error
            return {indexes[0]: str(why)}
        expected = {
            number: str(messages[index].message_id)
            for number, index in zip(numbers, indexes, strict=True)
        }
        stored = await seen(self._peeker, expected)
        missing = NOT_SEEN if now() > too_late else DROPPED
        return {
            index: missing
            for number, index in zip(numbers, indexes, strict=True)
            if number not in stored
        }

    async def _schedule(self, copies: Sequence[AmqpAnnotatedMessage]) -> Sequence[int]:
        assert self._link is not None  # noqa: S101 - `put` opened it
        at = datetime.now(UTC) + DELAY
        return await self._calls.run(
            self._link.schedule_messages(list(copies), at, timeout=self._timeout),
            self._timeout + GRACE,
            name=f"{self._entity}.schedule",
        )


async def seen(pages: Pages, expected: Mapping[int, str]) -> set[int]:
    """Return the numbers of those messages that are there, by the id that each should have."""
    found: set[int] = set()
    unknown = sorted(expected)
    while unknown:
        first, partition = unknown[0], partition_of(unknown[0])
        page = await pages.page(first, min(PAGE, unknown[-1] - first + 1))
        there = {message.sequence_number or 0: str(message.message_id) for message in page}
        found.update(each for each in unknown if there.get(each) == expected[each])
        # A page tells of the partition in which it begins, up to its last message there.
        last = max((each for each in there if partition_of(each) == partition), default=None)
        unknown = [
            each
            for each in unknown
            if each not in found
            and (partition_of(each) != partition or (last is not None and each > last))
        ]
    return found


def _portions(messages: Sequence[Message], indexes: Sequence[int]) -> Iterator[list[int]]:
    """Yield indexes of messages that can be sent at once."""
    portion: list[int] = []
    size = 0
    for index in indexes:
        its = size_of(messages[index])
        if portion and size + its > _LARGEST_REQUEST:
            yield portion
            portion, size = [], 0
        portion.append(index)
        size += its
    if portion:
        yield portion
