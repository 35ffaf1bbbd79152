"""The thread of one connection."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

T = TypeVar("T")
P = ParamSpec("P")

_Work: TypeAlias = "tuple[Future[T], Callable[[], T]] | None"


class DriverThread(Executor):
    """Does one thing after another in a thread of its own.

    The thread is a daemon, and never joined: a driver that hangs keeps no process from ending.
    A thread that never comes back is lost alone; another connection has another one.
    """

    def __init__(self, name: str) -> None:
        """Start the thread."""
        self._queue: SimpleQueue[_Work[object]] = SimpleQueue()
        Thread(target=_work, args=(self._queue,), name=name, daemon=True).start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn`` called after everything that was submitted before."""
        future: Future[T] = Future()
        self._queue.put((future, partial(fn, *args, **kwargs)))  # type: ignore[arg-type]
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Let the thread end after everything that was submitted; nobody waits for it."""
        self._queue.put(None)


def _work(queue: SimpleQueue[_Work[object]]) -> None:
    while (item := queue.get()) is not None:
        future, function = item
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is raised where the future is awaited
                future.set_exception(error)
        # Until the next item comes, nothing that was done is to be kept alive from here.
        del item, future, function


def forget(future: Future[Any] | asyncio.Future[Any]) -> None:
    """Take an exception that nobody waits for, so that asyncio does not report it."""
    if not future.cancelled():
        future.exception()
