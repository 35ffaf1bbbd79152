"""A coroutine on a loop that another thread waits for, perhaps in a signal handler."""

from __future__ import annotations

import asyncio
from threading import TIMEOUT_MAX, Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from experimentframework_core import _pausing as pausing
from experimentframework_core._tasks import forget, spawn

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class ThreadsafeCall(Generic[T]):
    """Runs a coroutine on a loop for one other thread.

    A signal handler may interrupt that thread as it begins to wait, and wait for the same loop. So
    the loop takes no lock that the thread could have. With `asyncio.run_coroutine_threadsafe` it
    does: whoever waits for a `concurrent.futures.Future` holds its condition for a moment.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop start it.

        Raises:
            RuntimeError: The loop is closed; the coroutine is the caller's to close.
        """
        self._coroutine = coroutine
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        self._running = Lock()
        self._running.acquire()
        loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._task = spawn(self._coroutine, name="experimentframework.threadsafe_call")
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[T]) -> None:
        forget(task)
        self._running.release()

    def wait(self, timeout: float | None) -> bool:
        """Return whether it ended within that many seconds; None waits for its end. Ask once."""
        # A signal handler may have interrupted the fork for which this thread has stopped the loop.
        pausing.end()
        limit = -1 if timeout is None else min(max(timeout, 0), TIMEOUT_MAX)
        return self._running.acquire(timeout=limit)

    def result(self) -> T:
        """Return what it returned, or raise what it raised; only after its end.

        Raises:
            asyncio.CancelledError: It was cancelled, as by the end of its loop.
        """
        if self._task is None:
            raise asyncio.InvalidStateError
        return self._task.result()

    def cancel(self) -> None:
        """Cancel it once it has begun, without waiting; on a loop that has closed it never does."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:
            # The loop has closed. Perhaps it did while it was asked, and never began.
            if self._task is None:
                self._coroutine.close()

    def _cancel(self) -> None:
        # The loop calls in the order in which it is asked: it has started, and first does a step.
        if self._task is not None:
            self._loop.call_soon(self._task.cancel)
