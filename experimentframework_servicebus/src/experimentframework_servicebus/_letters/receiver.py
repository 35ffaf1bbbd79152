"""Receives the dead letters of one queue or subscription, under locks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from azure.servicebus.exceptions import ServiceBusError

from experimentframework_servicebus._connection.calls import CLOSE_TIMEOUT, GRACE
from experimentframework_servicebus._connection.client import receiver_of
from experimentframework_servicebus._connection.read_errors import reading_failure

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterable, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message
    from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

    from experimentframework_servicebus._connection.calls import Calls
    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions

MOST = 100
"""Messages that are received at once."""

WAIT = 3.0
"""Seconds without a message after which there is none."""


class DeadReceiver:
    """A receiver of the client, whose calls all end. Dead letters have no sessions."""

    def __init__(
        self, client: ServiceBusClient, place: Place, options: ServiceBusOptions, calls: Calls
    ) -> None:
        """Store whose dead letters are wanted; it connects when they are."""
        self._client = client
        self._place = place
        self._options = options
        self._calls = calls
        self._timeout = options.send_timeout_ms / 1000
        self._link: ServiceBusReceiver | None = None

    async def take(self) -> Sequence[Message]:
        """Return the next ones, locked for us; none where there are no more.

        Raises:
            MissingError: There is no such queue or subscription.
            UnavailableError: We may not receive from it.
            TransientError: The service does not answer.
        """
        try:
            if self._link is None:
                self._link = receiver_of(self._client, self._place, self._options)
                await self._calls.run(
                    self._link.__aenter__(), self._timeout, name=f"{self._place}.open"
                )
            return await self._calls.run(
                self._link.receive_messages(MOST, max_wait_time=WAIT),
                WAIT + self._timeout + GRACE,
                name=f"{self._place}.receive",
            )
        except (ServiceBusError, TimeoutError) as error:
            raise reading_failure(error, "receive from", self._place, self._options) from error

    async def complete(self, messages: Sequence[Message]) -> list[str | None]:
        """Remove messages; return of each why it is still there, None where it is gone."""
        if self._link is None or not messages:
            return []
        calls = [self._link.complete_message(each) for each in messages]
        try:
            outcomes = await self._calls.run(
                _all_of(calls), self._timeout + GRACE, name=f"{self._place}.complete"
            )
        except TimeoutError as error:
            outcomes = [error] * len(messages)
        return [None if each is None else self._why_kept(each) for each in outcomes]

    async def give_back(self, messages: Collection[Message]) -> None:
        """Let others have messages at once; where that fails, once their locks are over."""
        if self._link is None or not messages:
            return
        calls = [self._link.abandon_message(each) for each in messages]
        try:
            await self._calls.run(_all_of(calls), CLOSE_TIMEOUT, name=f"{self._place}.abandon")
        except TimeoutError:
            return

    def drop(self) -> None:
        """Disconnect in the background."""
        link, self._link = self._link, None
        if link is not None:
            self._calls.start(link.close(), name=f"{self._place}.close")

    def _why_kept(self, error: BaseException) -> str:
        if not isinstance(error, ServiceBusError | TimeoutError | ValueError):
            raise error
        return str(reading_failure(error, "complete a message of", self._place, self._options))


async def _all_of(calls: Iterable[Coroutine[object, object, None]]) -> list[BaseException | None]:
    return await asyncio.gather(*calls, return_exceptions=True)
