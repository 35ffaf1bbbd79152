"""The program that ends in a given way: its plane is left as an application would leave it.

It publishes a fixed number of events, half of them awaited until durable, and then ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import sys
import warnings
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, NoReturn

import msgspec

from experimentframework_core import DataPlaneClosedError
from tests.faults import _backplane
from tests.faults._child import make_plane
from tests.faults._notes import Notes
from tests.faults._plan import Plan
from tests.faults._publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from experimentframework_core import BackplanePlugin, DataPlane, OpenContext
    from tests.faults._backplane import LineBackplane, LineOptions

exit_code = 3
"""What a process ends with that ends on purpose."""


class Application:
    """A plane with a publisher, for the length of one run.

    Attributes:
        leaving: When it began to leave the plane, on the monotonic clock.
        published: Set when the plan's total is published.
    """

    def __init__(self, plan: Plan, plugin: BackplanePlugin[LineOptions] = _backplane.line) -> None:
        """Make the plane; nothing is opened."""
        self.plan = plan
        self.notes = Notes(plan.report)
        self.plane = make_plane(plan, plugin)
        self.publisher = Publisher(self.plane, plan, self.notes)
        self.leaving = monotonic()
        self.published = asyncio.Event()

    async def publish(self) -> None:
        """Publish the plan's total."""
        for number in range(self.plan.total // 50):
            durable = [self.publisher.one(durable=True) for _ in range(25)]
            await asyncio.gather(*durable)
            for _ in range(25):
                await self.publisher.one(durable=False)
            if number % 4 == 0:
                await asyncio.sleep(0.01)
        self.published.set()

    def tell(self) -> None:
        """Write the books."""
        closing = self.plane.closing
        self.notes.tell(
            "closed",
            seconds=monotonic() - self.leaving,
            statistics=msgspec.to_builtins(self.plane.statistics()),
            closing=None if closing is None else msgspec.to_builtins(closing),
        )


async def leave(application: Application) -> None:
    """Leave the plane as usual."""
    async with application.plane:
        await application.publish()
        application.leaving = monotonic()
    application.tell()


async def fail(application: Application) -> None:
    """Raise in the body."""
    try:
        async with application.plane:
            await application.publish()
            _fail_now()
    except ZeroDivisionError:
        application.tell()


async def be_cancelled(application: Application) -> None:
    """Have the task that holds the plane cancelled."""

    async def hold() -> None:
        async with application.plane:
            await application.publish()
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await application.published.wait()
    task.cancel()
    await asyncio.wait((task,))
    application.tell()


async def exit_hard(application: Application) -> None:
    """Call os._exit in the body."""
    async with application.plane:
        await application.publish()
        os._exit(exit_code)


async def exit_soft(application: Application) -> None:
    """Call sys.exit in the body."""
    try:
        async with application.plane:
            await application.publish()
            sys.exit(exit_code)
    finally:
        application.tell()


async def enter_twice(application: Application) -> None:
    """Enter the same plane again, while it is open and when it was left."""
    refused = 0
    async with application.plane:
        await application.publish()
        refused += await _is_refused(application.plane)
    refused += await _is_refused(application.plane)
    application.tell()
    application.notes.tell("refused", times=refused)


async def _is_refused(plane: DataPlane) -> bool:
    try:
        await plane.__aenter__()
    except DataPlaneClosedError:
        return True
    return False


async def hang_in_close(application: Application) -> None:
    """Leave a plane of which the plugin never ends closing, not even when cancelled."""
    stubborn = msgspec.structs.replace(_backplane.line, open=_never_closes)
    await leave(Application(application.plan, stubborn))
    # The end of asyncio.run would wait for the plugin's task for ever.
    os._exit(exit_code)


async def fork_and_go_on(application: Application) -> None:
    """Fork, have the children end in every way, publish on, and wait for being killed.

    Children of `multiprocessing` end as most do. Those of a bare ``os.fork`` also unwind the loop
    that they share with their parent, which may break the parent's loop, but no journal.
    """
    warnings.simplefilter("ignore", DeprecationWarning)
    async with application.plane:
        await application.publish()
        for end in (_exit_soft_now, _exit_hard_now, _fail_now):
            process = multiprocessing.get_context("fork").Process(target=end)
            process.start()
            await asyncio.to_thread(process.join)
            await application.publish()
        application.notes.tell("forked")
        for end in (_exit_hard_now, _exit_soft_now, _fail_now):
            child = os.fork()
            if child == 0:
                end()
            os.waitpid(child, 0)  # noqa: ASYNC222 - a thread's result needs the loop, which may be broken
            await application.publish()
        application.notes.tell("forked barely")
        await asyncio.sleep(60)


def _exit_soft_now() -> NoReturn:
    sys.exit(exit_code)


def _exit_hard_now() -> NoReturn:
    os._exit(exit_code)


def _fail_now() -> NoReturn:
    raise ZeroDivisionError


ways: dict[str, Callable[[Application], Awaitable[None]]] = {
    "normal exit": leave,
    "exception in the body": fail,
    "cancellation": be_cancelled,
    "sys.exit in the body": exit_soft,
    "os._exit": exit_hard,
    "second async with": enter_twice,
    "close of the plugin hangs": hang_in_close,
    "fork, then killed": fork_and_go_on,
}


@asynccontextmanager
async def _never_closes(
    options: LineOptions, _context: OpenContext
) -> AsyncIterator[LineBackplane]:
    yield _backplane.LineBackplane(options.port)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


def main() -> None:
    """End in the way that the first argument names, by the plan in the second."""
    way, plan = msgspec.json.decode(sys.argv[1], type=tuple[str, Plan])
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_end(way, plan))


async def _end(way: str, plan: Plan) -> None:
    await ways[way](Application(plan))


if __name__ == "__main__":
    main()
