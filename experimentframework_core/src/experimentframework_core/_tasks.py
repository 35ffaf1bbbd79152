"""The one place where tasks are made: each has a name, an end, and a deadline if it needs one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")

GRACE = 1.0
"""Seconds that a task has to end after its deadline cancelled it."""

LAST_GRACE = 0.05
"""Seconds that it has when whoever waits for it is cancelled as well."""


class DeadlineExceededError(Exception):
    """The task was cancelled at its deadline and has ended, or it cancelled itself."""


class TaskAbandonedError(Exception):
    """The task was cancelled and did not end; what it holds must not be used again."""


def spawn(coroutine: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Start the coroutine as a task of that name."""
    return asyncio.get_running_loop().create_task(coroutine, name=name)


def forget(task: asyncio.Task[Any]) -> None:
    """Take an exception that nobody waits for, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()


async def run_bounded(
    coroutine: Coroutine[Any, Any, T],
    *,
    name: str,
    timeout: float,
    grace: float = GRACE,
) -> T:
    """Run the coroutine in a task of its own and return its result.

    Args:
        coroutine: What to run.
        name: The task's name.
        timeout: Seconds after which it is cancelled.
        grace: Seconds that it then has to end.

    Raises:
        DeadlineExceededError: It was cancelled and has ended, or it cancelled itself.
        TaskAbandonedError: It was cancelled and goes on.
        RuntimeError: It raised something that is no Exception, which is the cause.
    """
    task = spawn(coroutine, name=name)
    task.add_done_callback(forget)
    try:
        await asyncio.wait((task,), timeout=timeout)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,), timeout=LAST_GRACE)
        raise
    if not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=grace)
        if not task.done():
            raise TaskAbandonedError(name)
        if task.cancelled():
            message = f"took longer than {timeout:g} s and was cancelled"
            raise DeadlineExceededError(message)
    return _result(task)


def _result(task: asyncio.Task[T]) -> T:
    """Return what the task returned; what it raised comes as an Exception, whatever it is."""
    try:
        return task.result()
    except Exception:
        raise
    except BaseException as error:
        raise _as_exception(error) from error


def _as_exception(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        return error
    if isinstance(error, asyncio.CancelledError):
        return DeadlineExceededError("cancelled itself")
    return RuntimeError(f"raised {type(error).__name__}, which is no Exception")


class Sleep:
    """A task's sleep: until a time, or until somebody wakes it."""

    def __init__(self) -> None:
        """Begin awake."""
        self._waker: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """End the sleep."""
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    async def once(self, until: float | None) -> None:
        """Sleep until that time on the loop's clock, or until woken; None: until woken."""
        loop = asyncio.get_running_loop()
        self._waker = loop.create_future()
        timer = None if until is None else loop.call_at(until, self.wake)
        try:
            await self._waker
        finally:
            self._waker = None
            if timer is not None:
                timer.cancel()

    async def until(self, due: Callable[[], float | None]) -> None:
        """Return when ``due``, asked again after each waking, gives a time that has come."""
        while (time := due()) is None or time > asyncio.get_running_loop().time():
            await self.once(time)


class Held(Generic[T]):
    """An async context manager that is entered and left in one task of its own.

    Cancel scopes and task groups inside it thereby see one task, whichever tasks use the value.
    """

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[T]], *, name: str) -> None:
        """Hold what makes the manager; `enter` makes and opens it, in the task."""
        self._make = make
        self._name = f"experimentframework.{name}"
        self._task: asyncio.Task[None] | None = None
        self._entered: asyncio.Future[T] | None = None
        self._leave = asyncio.Event()

    @property
    def value(self) -> T:
        """What the manager gave; only after `enter`."""
        if self._entered is None:
            message = f"{self._name} is not open"
            raise RuntimeError(message)
        return self._entered.result()

    async def enter(self, *, timeout: float) -> None:
        """Enter the manager, in at most ``timeout`` seconds.

        Raises:
            TimeoutError: It took longer.
            Exception: Whatever entering raised.
        """
        self._entered = asyncio.get_running_loop().create_future()
        self._task = spawn(self._hold(self._entered), name=self._name)
        try:
            await asyncio.wait((self._entered,), timeout=timeout)
        finally:
            if not self._entered.done():
                self.abandon()
        if self._entered.cancelled():
            message = f"opening took longer than {timeout:g} s"
            raise TimeoutError(message)
        self._entered.result()

    async def _hold(self, entered: asyncio.Future[T]) -> None:
        try:
            async with self._make() as value:
                if not entered.done():
                    entered.set_result(value)
                await self._leave.wait()
        except BaseException as error:
            if entered.done() or isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            entered.set_exception(_as_exception(error))

    async def leave(self, *, timeout: float | None = None) -> None:
        """Leave the manager, and raise what leaving raised.

        Raises:
            TimeoutError: It took longer than ``timeout`` seconds, and was abandoned.
            Exception: Whatever leaving raised.
        """
        task = self._task
        if task is None:
            return
        self._leave.set()
        try:
            await asyncio.wait((task,), timeout=timeout)
        finally:
            if not task.done():
                self.abandon()
        if not task.done():
            message = f"closing took longer than {timeout:g} s"
            raise TimeoutError(message)
        _result(task)

    def abandon(self) -> None:
        """Cancel the holding task without waiting for it; what opens late closes at once."""
        if self._entered is not None:
            self._entered.cancel()
        if self._task is not None:
            self._leave.set()
            self._task.add_done_callback(forget)
            self._task.cancel()
