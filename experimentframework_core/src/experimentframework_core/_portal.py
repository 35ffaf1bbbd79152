"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from threading import RLock, Thread, get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from experimentframework_core import _pausing as pausing
from experimentframework_core._pausing import Pause
from experimentframework_core._threadsafe import ThreadsafeCall

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class PortalClosedError(Exception):
    """The loop has ended, or ended while it was waited for."""


class PortalTimeoutError(Exception):
    """It took longer than the caller waits. A TimeoutError would be a signal handler's."""


class Portal:
    """Runs coroutines of other threads on its own loop, from `start` to `stop`.

    The thread is a daemon: whoever does not stop it is not kept from ending. A signal handler may
    call it while it has interrupted a call. While the process forks, the loop stands still between
    two of its steps: the child would find for ever half made what a step was making, as a module
    that is being imported.
    """

    def __init__(self, name: str) -> None:
        """Name the thread."""
        self._name = name
        self._lock = RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    @property
    def thread_id(self) -> int:
        """The thread's identifier; 0 while there is none."""
        return (self._thread and self._thread.ident) or 0

    def start(self) -> None:
        """Start the thread, and return once its loop runs."""
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = Thread(target=_serve, args=(started,), name=self._name, daemon=True)
        self._thread.start()
        self._loop = started.result()
        _running.add(self)

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Return what the coroutine returns on the loop.

        Raises:
            PortalClosedError: The loop has ended, or ended meanwhile.
            PortalTimeoutError: It took longer than ``timeout`` seconds, and was cancelled.
            RuntimeError: It was called on the loop's own thread.
        """
        if get_ident() == self.thread_id:
            coroutine.close()
            raise RuntimeError(f"the thread {self._name} would wait for itself")
        call = self._submit(coroutine)
        if not call.wait(timeout):
            call.cancel()
            raise PortalTimeoutError
        try:
            return call.result()
        except asyncio.CancelledError:
            raise PortalClosedError from None

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> ThreadsafeCall[T]:
        with self._lock:
            loop = self._loop
            if loop is None:
                coroutine.close()
                raise PortalClosedError
            try:
                call = ThreadsafeCall(coroutine, loop)
            except RuntimeError as error:
                coroutine.close()
                if loop.is_closed():
                    raise PortalClosedError from error
                raise
            if self._loop is None:
                # A signal handler has stopped it meanwhile, in this very thread.
                call.cancel()
                raise PortalClosedError
            return call

    def stop(self, timeout: float) -> None:
        """End the loop, cancel what runs on it, and wait up to ``timeout`` seconds for its end."""
        with self._lock:
            # From here on nothing is submitted: all that was has a task, which will be cancelled.
            loop, self._loop = self._loop, None
        _running.discard(self)
        if loop is None or self._thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(timeout)

    def pause(self) -> Pause | None:
        """Have the loop stand still; None where it is the loop's thread that asks, or none runs."""
        loop = self._loop
        if loop is None or get_ident() == self.thread_id:
            return None
        try:
            return Pause(loop)
        except RuntimeError:
            return None


def _serve(started: Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner() as runner:
        try:
            loop = runner.get_loop()
        except BaseException as error:
            started.set_exception(error)
            raise
        loop.call_soon(started.set_result, loop)
        loop.run_forever()


_running: set[Portal] = set()


def _pause_all() -> None:
    pausing.begin([portal.pause for portal in list(_running)])


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause_all, after_in_child=_running.clear)
