"""An event loop in a thread: it runs what other threads give it, and lets nobody wait for ever."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._portal import Portal, PortalClosedError, PortalTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def portal() -> Iterator[Portal]:
    """Return a running portal."""
    portal = Portal("tests.portal")
    portal.start()
    yield portal
    portal.stop(5)


async def thread_name() -> str:
    return threading.current_thread().name


async def fail() -> None:
    raise ZeroDivisionError


def test_a_coroutine_runs_in_the_named_thread(portal: Portal) -> None:
    """Given a portal, When it runs a coroutine, Then that ran in its thread."""
    name = portal.run(thread_name())

    assert name == "tests.portal"


def test_what_a_coroutine_raises_is_raised(portal: Portal) -> None:
    """Given a coroutine that fails, When the portal runs it, Then the caller gets its error."""
    with pytest.raises(ZeroDivisionError):
        portal.run(fail())


def test_a_coroutine_that_takes_too_long_is_cancelled(portal: Portal) -> None:
    """Given a time limit, When the coroutine does not end, Then it is cancelled."""
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(PortalTimeoutError):
        portal.run(wait(), timeout=0.01)

    assert cancelled.wait(5)


def test_its_own_thread_cannot_wait_for_itself(portal: Portal) -> None:
    """Given code on the portal's loop, When it asks the portal to run, Then it is refused."""

    async def ask() -> None:
        portal.run(thread_name())

    with pytest.raises(RuntimeError, match=r"the thread tests\.portal would wait for itself"):
        portal.run(ask())


def test_who_waits_is_released_when_the_portal_stops(portal: Portal) -> None:
    """Given a caller that waits, When the portal stops, Then the caller is told that it closed."""
    begun: Future[None] = Future()

    async def wait() -> None:
        begun.set_result(None)
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(portal.run, wait())
        begun.result(5)
        portal.stop(5)

        with pytest.raises(PortalClosedError):
            waiting.result(5)


def test_a_stopped_portal_runs_nothing(portal: Portal) -> None:
    """Given a stopped portal, When it is to run something, Then it says that it is closed."""
    portal.stop(5)

    with pytest.raises(PortalClosedError):
        portal.run(thread_name())


def test_a_stopped_portal_has_no_thread() -> None:
    """Given a portal, When it was stopped, Then its thread has ended."""
    portal = Portal("tests.portal that stops")
    portal.start()

    portal.stop(5)

    names = [thread.name for thread in threading.enumerate()]
    assert "tests.portal that stops" not in names
