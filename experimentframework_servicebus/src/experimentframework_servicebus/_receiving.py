"""Receives events for a consumer, which says of each what becomes of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_servicebus._calls import Calls
from experimentframework_servicebus._client import open_client
from experimentframework_servicebus._entities import (
    Place,
    entity_of,
    require_subscription,
    the_entity,
)
from experimentframework_servicebus._received import Received, complete_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from experimentframework_servicebus._link import Link
    from experimentframework_servicebus._options import ServiceBusOptions

_SLICE = 20.0
"""Seconds for which a message is waited for in one call."""

_SESSION_SLICE = 2.0
"""The same in a session, whose lock is to be kept meanwhile."""

_SESSION_IDLE = 0.25
"""Seconds without a message after which the next session is taken, where any will do."""

_SESSION_TIMEOUT = 20.0
"""Seconds for which the service is asked to look for a session that has messages."""


@asynccontextmanager
async def receive(
    options: ServiceBusOptions,
    *,
    event_type: str | None = None,
    session: str | None = None,
    max_wait: float | None = None,
) -> AsyncIterator[Consumer]:
    """Receive events from a queue or subscription, each locked for this consumer.

    ::

        async with receive(options) as events:
            async for received in events:
                await store(received.envelope)
                await received.complete()

    An event that is not completed comes again: at once when it is abandoned, else when its lock is
    over, or with its session. So each comes at least once. Locks last as long as the queue or
    subscription says, and are not renewed by themselves: see `Received.renew_lock`.

    Args:
        options: Where events are, as in the configuration of the backplane; of a topic with
            ``subscription_name``. With ``enable_sessions``, one session after another is received,
            each in its order.
        event_type: Which type's queue or topic, with ``use_type_specific_destinations``.
        session: Only this session's events.
        max_wait: Seconds without an event after which there is none; None waits for ever.

    Yields:
        The events, as they come. Use it in one task.

    Raises:
        ValueError: ``event_type`` or ``session`` does not fit the options.
        ConfigurationError: A topic keeps no events, and no subscription is named.
        UnavailableError: The queue or subscription is missing, or refuses us.
        TransientError: The service does not answer.
    """
    from experimentframework_servicebus._link import Link

    place = _place_of(options, event_type)
    if session is not None and not options.enable_sessions:
        raise ValueError("session is for options with enable_sessions")
    calls = Calls()
    async with open_client(options) as client:

        def make_link(session_timeout: float | None) -> Link:
            return Link(
                client, place, options, calls, session=session, session_timeout=session_timeout
            )

        consumer = Consumer(make_link, options, session=session, max_wait=max_wait)
        try:
            await consumer.start()
            yield consumer
        finally:
            consumer.drop()
            await calls.end()


def _place_of(options: ServiceBusOptions, event_type: str | None) -> Place:
    entity = the_entity(options)
    if (entity is None) != (event_type is not None):
        raise ValueError("event_type is for use_type_specific_destinations, which needs it")
    require_subscription(options, "receive from")
    return Place(entity or entity_of(event_type or "", options), options.subscription_name)


class Consumer(AsyncIterator[Received]):
    """Events as they come; what `receive` yields.

    After a TransientError it can be gone on with: it connects again. What was received before it
    may come again.
    """

    def __init__(
        self,
        make_link: Callable[[float | None], Link],
        options: ServiceBusOptions,
        *,
        session: str | None,
        max_wait: float | None,
    ) -> None:
        """Store how to connect; `receive` makes consumers.

        Args:
            make_link: Returns a link to open, which waits for a session for so many seconds.
            options: Whether there are sessions.
            session: The session that is wanted; None for any.
            max_wait: Seconds without an event after which there is none.
        """
        self._make_link = make_link
        self._max_wait = max_wait
        self._in_sessions = options.enable_sessions
        self._any_session = options.enable_sessions and session is None
        self._lock = asyncio.Lock()
        self._link: Link | None = None
        self._idle = False

    async def __anext__(self) -> Received:
        batch = await self.batch(1)
        if not batch:
            raise StopAsyncIteration
        return batch[0]

    async def start(self) -> None:
        """Connect, where there are no sessions.

        Raises:
            TransientError: The service does not answer; or, as UnavailableError, it refuses us.
        """
        if not self._in_sessions:
            await self._linked(0.0)

    async def batch(self, most: int = 100) -> list[Received]:
        """Return the next events, those that come together; of one session, where there are some.

        Their locks run from now on, so take no more than you can settle in that time.

        Args:
            most: How many at most.

        Returns:
            At least one; none where none came for ``max_wait`` seconds.

        Raises:
            TransientError: None can be received now; or, as UnavailableError, somebody must change
                something. Call again to go on.
        """
        async with self._lock:
            now = asyncio.get_running_loop().time
            end = math.inf if self._max_wait is None else now() + self._max_wait
            while (left := end - now()) > 0:
                link = await self._linked(left)
                if link is None:
                    continue
                if received := await link.take(most, min(left, self._patience())):
                    self._idle = self._any_session
                    return received
                if self._any_session:
                    self.drop()  # So that another gets its turn.
            return []

    async def complete(self, received: Iterable[Received]) -> None:
        """Remove events that are done with, many at the same time: much faster than one by one.

        Raises:
            TransientError: Of some the lock is lost, or it is not known whether they were removed;
                these come again. All others are removed.
            RuntimeError: One is settled already; nothing was done.
        """
        await complete_all(list(received))

    def drop(self) -> None:
        """Disconnect in the background; what was not settled comes again."""
        link, self._link = self._link, None
        if link is not None and link.usable:
            link.drop()

    def _patience(self) -> float:
        if self._idle:
            return _SESSION_IDLE
        return _SESSION_SLICE if self._in_sessions else _SLICE

    async def _linked(self, left: float) -> Link | None:
        """Return an open link; None if no session is free for so many seconds."""
        if self._link is not None and self._link.usable:
            return self._link
        link = self._make_link(min(left, _SESSION_TIMEOUT) if self._any_session else None)
        if not await link.open():
            return None
        self._link, self._idle = link, False
        return link
