"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from threading import RLock, Thread, get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from experimentframework_core._threadsafe import ThreadsafeCall

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class PortalClosedError(Exception):
    """The loop has ended, or ended while it was waited for."""


class Portal:
    """Runs coroutines of other threads on its own loop, from `start` to `stop`.

    The thread is a daemon: whoever does not stop it is not kept from ending. A signal handler may
    call it while it has interrupted a call.
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

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Return what the coroutine returns on the loop.

        Raises:
            PortalClosedError: The loop has ended, or ended meanwhile.
            TimeoutError: It took longer than ``timeout`` seconds, and was cancelled.
            RuntimeError: It was called on the loop's own thread.
        """
        if get_ident() == self.thread_id:
            coroutine.close()
            raise RuntimeError(f"the thread {self._name} would wait for itself")
        call = self._submit(coroutine)
        if not call.wait(timeout):
            call.cancel()
            raise TimeoutError
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
        if loop is None or self._thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(timeout)


def _serve(started: Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner() as runner:
        try:
            loop = runner.get_loop()
        except BaseException as error:
            started.set_exception(error)
            raise
        loop.call_soon(started.set_result, loop)
        loop.run_forever()
