"""Blocking work in a new thread, which nobody else's work can keep from beginning."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


async def in_new_thread(work: Callable[[], T], *, name: str) -> T:
    """Return what ``work`` returns, called in a new thread, in a copy of the current context.

    The loop's own executor is the application's too: where its threads all wait for us, as in
    `publish_threadsafe`, nothing else gets its turn in there. When this is cancelled the work goes
    on; it does not keep the process from ending.

    Args:
        work: What to do.
        name: The thread's name.
    """
    executor = _NewThread(f"experimentframework.{name}")
    return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, work)


class _NewThread(Executor):
    """Starts a thread for what it is given."""

    def __init__(self, name: str) -> None:
        self._name = name

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return the future of a call that has begun, so that nobody can cancel it."""
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                done.set_exception(error)
            else:
                done.set_result(result)

        Thread(target=run, name=self._name, daemon=True).start()
        return done
