"""Looks at the messages of a queue or subscription: none is received, locked or changed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from azure.servicebus.exceptions import ServiceBusError

from experimentframework_servicebus._connection.calls import GRACE, Calls
from experimentframework_servicebus._connection.client import open_client, receiver_of
from experimentframework_servicebus._connection.errors import (
    NOT_ALLOWED,
    MissingError,
    condition_of,
    lost_link,
)
from experimentframework_servicebus._connection.read_errors import reading_failure
from experimentframework_servicebus._reading.pages import PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Any

    from azure.servicebus import ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

    from experimentframework_core.errors import TransientError
    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions

_NOT_SAID = "amqp:client-error"


class Peeker:
    """Peeks at one queue or subscription, through a connection that is made when needed.

    Attributes:
        place: The queue or subscription.
    """

    def __init__(
        self, client: ServiceBusClient, place: Place, options: ServiceBusOptions, calls: Calls
    ) -> None:
        """Store where to look; nothing is opened."""
        self.place = place
        self._client = client
        self._options = options
        self._calls = calls
        self._timeout = options.send_timeout_ms / 1000
        self._link: ServiceBusReceiver | None = None

    async def page(self, first: int, most: int = PAGE) -> Sequence[ServiceBusReceivedMessage]:
        """Return messages from a sequence number on, in order; none where there are no more.

        Raises:
            MissingError: There is no such queue or subscription.
            UnavailableError: We may not read it.
            TransientError: The service does not answer.
        """
        was_open = self._link is not None
        try:
            return await self._page(first, most)
        except (ServiceBusError, TimeoutError) as error:
            if not (was_open and lost_link(error)):
                raise await self._failure(error) from error
        # The service takes links away that are idle.
        try:
            return await self._page(first, most)
        except (ServiceBusError, TimeoutError) as error:
            raise await self._failure(error) from error

    async def look(self) -> None:
        """Return if there is such a queue or subscription, and we may read it.

        Raises:
            MissingError: There is none.
            UnavailableError: We may not read it.
            TransientError: The service does not answer.
        """
        await self.page(1, 1)

    def drop(self) -> None:
        """Disconnect in the background."""
        link, self._link = self._link, None
        if link is not None:
            self._calls.start(link.close(), name=f"{self.place}.close")

    async def _page(self, first: int, most: int) -> Sequence[ServiceBusReceivedMessage]:
        if self._link is None:
            self._link = _peeking_link(self._client, self.place, self._options)
        try:
            return await self._calls.run(
                self._link.peek_messages(most, sequence_number=first, timeout=self._timeout),
                self._timeout + GRACE,
                name=f"{self.place}.peek",
            )
        except BaseException:
            self.drop()
            raise

    async def _failure(self, error: Exception) -> TransientError:
        """Return what a failure means.

        A link for requests that is refused does not say why: so one for messages is tried.
        """
        said = reading_failure(error, "read", self.place, self._options)
        if condition_of(error) != _NOT_SAID:
            return said
        link = receiver_of(self._client, self.place, self._options)
        try:
            await self._calls.run(link.__aenter__(), self._timeout, name=f"{self.place}.look")
        except (ServiceBusError, TimeoutError) as why:
            if condition_of(why) != NOT_ALLOWED:
                return reading_failure(why, "read", self.place, self._options)
        finally:
            self._calls.start(link.close(), name=f"{self.place}.close")
        return said


def _peeking_link(
    client: ServiceBusClient, place: Place, options: ServiceBusOptions
) -> ServiceBusReceiver:
    """Return a receiver without a link for messages, which can only peek.

    With such a link the service would lock a message for us, and where sessions are required we
    would have to take one away from its consumer, or could not see what it has. The service itself
    needs none to peek, and the client has such a connection for the listing of sessions.
    """
    receiver = receiver_of(client, place, options)
    receiver._create_handler = partial(_for_requests, receiver)  # type: ignore[method-assign]  # noqa: SLF001
    return receiver


def _for_requests(receiver: Any, auth: object) -> None:  # noqa: ANN401 - the client's inside
    config = receiver._config  # noqa: SLF001
    config.keep_alive = 0  # Such a link cannot be kept alive, and closing waits for the attempt.
    receiver._handler = receiver._amqp_transport.create_mgmt_client_async(  # noqa: SLF001
        config=config,
        auth=auth,
        properties=receiver._properties,  # noqa: SLF001
        retry_policy=receiver._error_policy,  # noqa: SLF001
        client_name=receiver._name,  # noqa: SLF001
    )


@asynccontextmanager
async def open_peekers(
    options: ServiceBusOptions, places: Sequence[Place]
) -> AsyncIterator[list[Peeker]]:
    """Yield a peeker for each of the places; they disconnect at the end, in bounded time."""
    calls = Calls()
    async with open_client(options) as client:
        peekers = [Peeker(client, place, options, calls) for place in places]
        try:
            yield peekers
        finally:
            for peeker in peekers:
                peeker.drop()
            await calls.end()


async def there_of(peekers: Sequence[Peeker]) -> list[Peeker]:
    """Return those whose queue or subscription is there: an application need not use every type.

    All are looked for at the same time, since each takes half a second.

    Raises:
        MissingError: None is there.
        TransientError: One cannot be read for another reason.
    """
    found = await asyncio.gather(*(each.look() for each in peekers), return_exceptions=True)
    missing = [outcome for outcome in found if isinstance(outcome, MissingError)]
    for outcome in found:
        if outcome is not None and outcome not in missing:
            raise outcome
    if len(missing) == len(peekers):
        raise MissingError("; ".join(map(str, missing)))
    return [each for each, outcome in zip(peekers, found, strict=True) if outcome is None]
