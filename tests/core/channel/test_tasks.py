"""Tasks with a deadline: results, cancellations, and those that do not end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._tasks import (
    GRACE,
    LAST_GRACE,
    DeadlineExceededError,
    Held,
    TaskAbandonedError,
    run_bounded,
    spawn,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def now() -> float:
    return asyncio.get_running_loop().time()


class Sleeper:
    """Sleeps until it is released, ignoring so many cancellations."""

    def __init__(self, *, ignores: int = 0, error: BaseException | None = None) -> None:
        self.released = asyncio.Event()
        self._ignores = ignores
        self._error = error

    async def sleep(self) -> str:
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                self._ignores -= 1
                if self._ignores < 0:
                    raise
        if self._error is not None:
            raise self._error
        return "woken"


class TestRunBounded:
    async def test_returns_what_the_task_returns(self) -> None:
        async def answer() -> int:
            await asyncio.sleep(4)
            return 42

        assert await run_bounded(answer(), name="answer", timeout=5) == 42

    async def test_runs_in_a_task_of_that_name(self) -> None:
        async def name() -> str | None:
            task = asyncio.current_task()
            return task.get_name() if task else None

        assert await run_bounded(name(), name="faulty.deliver", timeout=5) == "faulty.deliver"

    async def test_raises_what_the_task_raises(self) -> None:
        async def fail() -> None:
            raise KeyError("k")

        with pytest.raises(KeyError):
            await run_bounded(fail(), name="fail", timeout=5)

    async def test_cancels_at_the_deadline(self) -> None:
        began = now()

        with pytest.raises(DeadlineExceededError, match="took longer than 5 s"):
            await run_bounded(Sleeper().sleep(), name="sleep", timeout=5)

        assert now() - began == 5

    async def test_abandons_what_does_not_end(self) -> None:
        sleeper, began = Sleeper(ignores=9, error=ValueError("late")), now()

        with pytest.raises(TaskAbandonedError):
            await run_bounded(sleeper.sleep(), name="sleep", timeout=5)

        assert now() - began == 5 + GRACE
        sleeper.released.set()
        await asyncio.sleep(1)

    async def test_takes_a_result_that_comes_in_the_grace(self) -> None:
        """Given a task that ends well when it is cancelled, then its result counts."""

        async def obstinate() -> str:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return "done"
            return "never"

        assert await run_bounded(obstinate(), name="obstinate", timeout=5) == "done"

    async def test_a_task_that_cancels_itself(self) -> None:
        async def give_up() -> None:
            raise asyncio.CancelledError

        with pytest.raises(DeadlineExceededError, match="cancelled itself"):
            await run_bounded(give_up(), name="give up", timeout=5)

    async def test_what_is_no_exception_comes_as_one(self) -> None:
        class Odd(BaseException):
            pass

        async def fail() -> None:
            raise Odd

        with pytest.raises(RuntimeError, match="raised Odd") as raised:
            await run_bounded(fail(), name="fail", timeout=5)

        assert isinstance(raised.value.__cause__, Odd)

    @pytest.mark.parametrize("ignores", [0, 9])
    async def test_ends_with_whoever_waits(self, ignores: int) -> None:
        """Given a caller that is cancelled, then the task is too, and it is waited for shortly."""
        sleeper = Sleeper(ignores=ignores)
        waiting = spawn(run_bounded(sleeper.sleep(), name="sleep", timeout=60), name="wait")
        await asyncio.sleep(1)
        began = now()

        waiting.cancel()
        await asyncio.wait((waiting,))

        assert waiting.cancelled()
        assert now() - began == pytest.approx(LAST_GRACE if ignores else 0)
        sleeper.released.set()
        await asyncio.sleep(1)


class Manager:
    """A context manager that can hang, raise, and remember the tasks that used it."""

    def __init__(self) -> None:
        self.entering: Sleeper | None = None
        self.leaving: Sleeper | None = None
        self.tasks: list[asyncio.Task[object] | None] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        if self.entering is not None:
            await self.entering.sleep()
        self.tasks.append(asyncio.current_task())
        yield "value"
        self.tasks.append(asyncio.current_task())
        if self.leaving is not None:
            await self.leaving.sleep()


class TestHeld:
    async def test_enters_and_leaves_in_one_task(self) -> None:
        manager = Manager()
        held = Held(manager.open, name="kafka.0")

        await held.enter(timeout=5)
        value = held.value
        await spawn(held.leave(), name="another")

        assert value == "value"
        assert len(manager.tasks) == 2
        assert len(set(manager.tasks)) == 1
        assert manager.tasks[0] is not asyncio.current_task()

    async def test_has_no_value_before_it_is_entered(self) -> None:
        with pytest.raises(RuntimeError, match="is not open"):
            _ = Held(Manager().open, name="kafka.0").value

    async def test_leaves_nothing_when_it_was_never_entered(self) -> None:
        await Held(Manager().open, name="kafka.0").leave()

    @pytest.mark.parametrize("ignores", [0, 9])
    async def test_entering_has_a_deadline(self, ignores: int) -> None:
        """Given an entering that hangs, then it is given up, and what opens late closes."""
        manager = Manager()
        manager.entering = Sleeper(ignores=ignores)
        began = now()

        with pytest.raises(TimeoutError, match="opening took longer than 5 s"):
            await Held(manager.open, name="kafka.0").enter(timeout=5)

        assert now() - began == 5
        manager.entering.released.set()
        await asyncio.sleep(1)
        assert len(manager.tasks) == (2 if ignores else 0)

    @pytest.mark.parametrize(
        ("error", "comes_as"),
        [
            (ValueError("v"), ValueError),
            (asyncio.CancelledError(), DeadlineExceededError),
            (GeneratorExit(), RuntimeError),
        ],
    )
    async def test_entering_raises_what_the_manager_raises(
        self, error: BaseException, comes_as: type[Exception]
    ) -> None:
        manager = Manager()
        manager.entering = Sleeper(error=error)
        manager.entering.released.set()

        with pytest.raises(comes_as):
            await Held(manager.open, name="kafka.0").enter(timeout=5)

    async def test_a_cancelled_entering_is_abandoned(self) -> None:
        manager = Manager()
        manager.entering = Sleeper()
        entering = spawn(Held(manager.open, name="kafka.0").enter(timeout=60), name="enter")
        await asyncio.sleep(1)

        entering.cancel()
        await asyncio.wait((entering,))

        assert entering.cancelled()
        assert [task.get_name() for task in asyncio.all_tasks() if "kafka" in task.get_name()] == []

    async def test_leaving_has_a_deadline(self) -> None:
        manager = Manager()
        manager.leaving = Sleeper(ignores=9)
        held = Held(manager.open, name="kafka.0")
        await held.enter(timeout=5)
        began = now()

        with pytest.raises(TimeoutError, match="closing took longer than 3 s"):
            await held.leave(timeout=3)

        assert now() - began == 3
        manager.leaving.released.set()
        await asyncio.sleep(1)

    async def test_leaving_raises_what_the_manager_raises(self) -> None:
        manager = Manager()
        manager.leaving = Sleeper(error=OSError("reset"))
        manager.leaving.released.set()
        held = Held(manager.open, name="kafka.0")
        await held.enter(timeout=5)

        with pytest.raises(OSError, match="reset"):
            await held.leave()
