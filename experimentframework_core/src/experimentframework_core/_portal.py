"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from threading import Lock, RLock, Thread, get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from experimentframework_core._threadsafe import ThreadsafeCall

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


fork_timeout = 5.0


class PortalClosedError(Exception):
    """The loop has ended, or ended while it was waited for."""


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
        _running.discard(self)
        if loop is None or self._thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(timeout)

    def pause(self) -> _Pause | None:
        """Have the loop stand still; None where it is the loop's thread that asks, or none runs."""
        loop = self._loop
        if loop is None or get_ident() == self.thread_id:
            return None
        try:
            return _Pause(loop)
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


class _Pause:
    """A loop stands still until another thread has forked, or for `fork_timeout` seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begun, self._over = Lock(), Lock()
        self._begun.acquire()
        self._over.acquire()
        loop.call_soon_threadsafe(self._stand)

    def _stand(self) -> None:
        self._begun.release()
        self._over.acquire(timeout=fork_timeout)

    def wait(self) -> None:
        """Return when it stands still, or after `fork_timeout` seconds."""
        self._begun.acquire(timeout=fork_timeout)

    def end(self) -> None:
        """Let the loop go on."""
        self._over.release()


_running: set[Portal] = set()

_pauses: dict[int, list[_Pause]] = {}
"""The pauses that each thread has made which is forking."""


def _pause_all() -> None:
    pauses = [pause for portal in list(_running) if (pause := portal.pause())]
    _pauses[get_ident()] = pauses
    for pause in pauses:
        pause.wait()


def _resume_all() -> None:
    for pause in _pauses.pop(get_ident(), ()):
        pause.end()


def _forget_all() -> None:
    _running.clear()
    _pauses.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause_all, after_in_parent=_resume_all, after_in_child=_forget_all)
