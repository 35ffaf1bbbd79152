"""Events as they come: of a queue or subscription, or of one session after another."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from experimentframework_servicebus._receiving.received import Received, complete_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from experimentframework_servicebus._options import ServiceBusOptions
    from experimentframework_servicebus._receiving.link import Link

_SLICE = 2.0
"""Seconds for which a message is waited for in one call; a session's lock is kept between them."""

_SESSION_IDLE = 0.25
"""Seconds without a message after which the next session is taken, where any will do."""

_LEAST = 0.1
"""Seconds that a call to receive has at least."""

_SESSION_TIMEOUT = 20.0
"""Seconds for which the service is asked to look for a session that has messages."""


class Consumer(AsyncIterator[Received]):
    """Events as they come; what `receive` yields.

    After a TransientError it can be gone on with: it connects again. What was received before it
    may come again. Where a call is cancelled, the next one returns what it would have returned.
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
        self._taking: asyncio.Task[list[Received]] | None = None
        self._kept: list[Received] = []
        self._ended = False

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
            RuntimeError: The ``async with`` is over.
            ValueError: ``most`` is less than 1.
        """
        if not isinstance(most, int):
            raise TypeError(f"most is {most!r}; expected a number of events")
        if most < 1:
            raise ValueError(f"most is {most}; expected at least 1")
        async with self._lock:
            now = asyncio.get_running_loop().time
            end = math.inf if self._max_wait is None else now() + self._max_wait
            while now() < end:
                if received := await self._taken(most, end):
                    return received
            return []

    async def complete(self, received: Iterable[Received]) -> None:
        """Remove events that are done with, many at the same time: much faster than one by one.

        Raises:
            TransientError: Of some the lock is lost, or it is not known whether they were removed;
                these come again. All others are removed.
            RuntimeError: One is settled already, or given twice; nothing was done.
        """
        await complete_all(list(received))

    async def end(self) -> None:
        """Disconnect in the background, for good; what was not settled comes again."""
        self._ended = True
        self._drop()
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.wait((self._taking,))

    async def _taken(self, most: int, end: float) -> list[Received]:
        """Return what comes next, in a task of its own: who is cancelled must not lose it."""
        if self._ended:
            raise RuntimeError("this consumer has ended with its `async with`; receive anew")
        if self._link is None or not self._link.usable:
            self._kept.clear()  # It comes again.
        if not self._kept:
            if self._taking is None:
                self._taking = asyncio.create_task(self._take(most, end), name="receive")
                self._taking.add_done_callback(_heard)
            await asyncio.wait((self._taking,))
            taking, self._taking = self._taking, None
            if taking.cancelled():
                return []
            self._kept = taking.result()
        received, self._kept = self._kept[:most], self._kept[most:]
        return received

    async def _take(self, most: int, end: float) -> list[Received]:
        now = asyncio.get_running_loop().time
        link = await self._linked(end - now())
        if link is None:
            return []
        patience = _SESSION_IDLE if self._idle else _SLICE
        # Where connecting took all the time, what is there is taken all the same.
        wait = max(min(end - now(), patience), _LEAST)
        received = await link.take(most, wait, end)
        if received:
            self._idle = self._any_session
        elif self._any_session:
            self._drop()  # So that another gets its turn.
        return received

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None and link.usable:
            link.drop()

    async def _linked(self, left: float) -> Link | None:
        """Return an open link; None if no session is free for so many seconds."""
        if self._link is not None and self._link.usable:
            return self._link
        link = self._make_link(min(left, _SESSION_TIMEOUT) if self._any_session else None)
        if not await link.open():
            return None
        self._link, self._idle = link, False
        return link


def _heard(task: asyncio.Task[list[Received]]) -> None:
    if not task.cancelled():
        # Asked for, so that asyncio does not report it where nobody calls again.
        task.exception()
