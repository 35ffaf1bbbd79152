"""Runs the client's calls with an end: it may hang, also while it is cancelled or closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from experimentframework_servicebus._connection.quiet import context_of_call

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

GRACE = 0.5
"""Seconds that the client has to say itself that it timed out, beyond the time it was given."""

CLOSE_TIMEOUT = 2.0
"""Seconds that links have to close; a healthy one takes half a second, at most one."""


class Calls:
    """Calls of the client, each a task of its own, so that nobody waits for a stuck one."""

    def __init__(self) -> None:
        """Begin with nothing running."""
        self._left: set[asyncio.Task[Any]] = set()

    async def run(self, call: Coroutine[Any, Any, T], timeout: float, *, name: str) -> T:
        """Return what the call returns, and leave it behind if it takes too long.

        Raises:
            TimeoutError: It took longer than ``timeout`` seconds; what it did is not known.
        """
        task = asyncio.create_task(call, name=name, context=context_of_call())
        try:
            await asyncio.wait((task,), timeout=timeout)
        finally:
            if not task.done():
                task.cancel()
                self._leave(task)
        if not task.done():
            raise TimeoutError
        return task.result()

    def start(self, call: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run a call in the background; nobody hears how it ends."""
        self._leave(asyncio.create_task(call, name=name, context=context_of_call()))

    async def end(self) -> None:
        """Wait for what runs in the background, for a bounded time, then cancel it."""
        if self._left:
            await asyncio.wait(tuple(self._left), timeout=CLOSE_TIMEOUT)
        for task in tuple(self._left):
            task.cancel()

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._left.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            # Asked for, so that asyncio does not report it: the link has gone either way.
            task.exception()
