"""A sender of a queue or topic: one send at a time, and a new link after doubt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from azure.servicebus.exceptions import ServiceBusError

from experimentframework_servicebus._connection.calls import GRACE
from experimentframework_servicebus._connection.errors import (
    keeps_link,
    lost_link,
    takes_no_batches,
)
from experimentframework_servicebus._sending.batches import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azure.servicebus import ServiceBusMessageBatch
    from azure.servicebus.aio import ServiceBusSender
    from azure.servicebus.amqp import AmqpAnnotatedMessage

    from experimentframework_servicebus._connection.calls import Calls
    from experimentframework_servicebus._sending.message import Message


class Sender:
    """One link, opened when it is needed; the client's own sender takes no two sends at once."""

    def __init__(
        self, make: Callable[[], ServiceBusSender], calls: Calls, *, name: str, send_timeout: float
    ) -> None:
        """Store how links are made.

        Args:
            make: Returns a new sender of the client, not open yet.
            calls: What runs the client's calls.
            name: The queue or topic, for the names of tasks.
            send_timeout: Seconds that one send may take.
        """
        self._make = make
        self._calls = calls
        self._name = name
        self._send_timeout = send_timeout
        self._lock = asyncio.Lock()
        self._link: ServiceBusSender | None = None
        self._batches = True

    async def open(self, until: float) -> None:
        """Connect, if there is no link.

        Raises:
            ServiceBusError: The service refuses, or cannot be reached.
            TimeoutError: There is no answer at ``until`` on the loop's clock.
        """
        async with self._lock:
            await self._opened(until)

    async def send(self, messages: Sequence[Message], until: float) -> int:
        """Send as many messages as fit in one batch; return how many, once they are stored.

        Where the link had gone it is sent once more through a new one, and where no batches are
        taken, one message is sent, from then on. When this raises anything but a refusal, or is
        cancelled, the messages may have been stored.

        Raises:
            ServiceBusError: The service refuses, or the link is lost.
            TimeoutError: There is no answer at ``until`` on the loop's clock.
        """
        async with self._lock:
            was_open = self._link is not None
            try:
                return await self._send(messages, until)
            except ServiceBusError as error:
                if self._batches and takes_no_batches(error):
                    self._batches = False
                elif not (was_open and self._link is None and lost_link(error)):
                    raise
            return await self._send(messages, until)

    def drop(self) -> None:
        """Close the link in the background; the next send opens a new one."""
        link, self._link = self._link, None
        if link is not None:
            self._calls.start(link.close(), name=f"{self._name}.close")

    async def _send(self, messages: Sequence[Message], until: float) -> int:
        link = await self._opened(until)
        what, number = await _packed(link, messages if self._batches else messages[:1])
        timeout = min(self._send_timeout, self._left(until))
        try:
            await self._calls.run(
                link.send_messages(what, timeout=timeout),
                timeout + GRACE,
                name=f"{self._name}.send",
            )
        except ServiceBusError as error:
            if not keeps_link(error):
                self.drop()
            raise
        except BaseException:
            self.drop()
            raise
        return number

    async def _opened(self, until: float) -> ServiceBusSender:
        if self._link is not None:
            return self._link
        timeout = self._left(until)
        link = self._make()
        try:
            await self._calls.run(link.__aenter__(), timeout, name=f"{self._name}.open")
        except BaseException:
            self._calls.start(link.close(), name=f"{self._name}.close")
            raise
        self._link = link
        return link

    @staticmethod
    def _left(until: float) -> float:
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            raise TimeoutError
        return left


async def _packed(
    link: ServiceBusSender, messages: Sequence[Message]
) -> tuple[AmqpAnnotatedMessage | ServiceBusMessageBatch, int]:
    """Return the first messages as the client sends them, and how many they are."""
    if len(messages) > 1:
        # The link is open, so this asks nobody.
        batch = await link.create_message_batch()
        number = await fill(batch, messages)
        if number > 1:
            return batch, number
    return messages[0].annotated(), 1
