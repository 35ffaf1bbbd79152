"""A thread for calls that may block for ever; it keeps no process alive."""

from __future__ import annotations

import asyncio
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Call: TypeAlias = tuple[Callable[[], Any], asyncio.Future[Any]]

T = TypeVar("T")


class OwnThread:
    """Runs calls beside the loop, one after another.

    The thread is a daemon: the interpreter waits for those of an executor, also for one that hangs.
    """

    def __init__(self, name: str) -> None:
        """Name the thread; the first call starts it."""
        self._name = name
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._thread: Thread | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """Return what the call returns, or raise what it raises.

        Being cancelled leaves a call alone that is under way; one that has not begun never does.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._calls.put((call, future))
        if self._thread is None:
            self._thread = Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        return await future

    def close(self) -> None:
        """Have the thread end after the call that is under way; do not wait for it."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (wanted := self._calls.get()) is not None:
            call, future = wanted
            if future.cancelled():
                continue
            result, failure = None, None
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                failure = error
            try:
                future.get_loop().call_soon_threadsafe(_settle, future, result, failure)
            except RuntimeError:  # the loop has closed: nobody waits any more
                return


def _settle(future: asyncio.Future[T], result: T, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
