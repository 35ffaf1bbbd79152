"""The client's calls end in time, whatever they do."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from experimentframework_servicebus._connection.calls import Calls


async def stubborn(released: asyncio.Event) -> None:
    """Hang, also when cancelled, until it is released."""
    while not released.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await released.wait()


async def broken() -> None:
    raise ValueError("broken")


async def test_a_call_returns_what_it_returns() -> None:
    """Given a call that ends, When it is run, Then its result comes."""
    result = await Calls().run(asyncio.sleep(0, "done"), 5, name="call")

    assert result == "done"


async def test_the_error_of_a_call_comes_out() -> None:
    """Given a call that fails, When it is run, Then its error is raised."""
    with pytest.raises(ValueError, match="broken"):
        await Calls().run(broken(), 5, name="call")


async def test_a_stuck_call_is_left_behind() -> None:
    """Given a call that ignores its cancellation, When time is up, Then we go on."""
    released = asyncio.Event()
    calls = Calls()

    with pytest.raises(TimeoutError):
        await calls.run(stubborn(released), 0.001, name="call")

    released.set()
    await calls.end()


async def test_cancellation_does_not_wait_for_a_stuck_call() -> None:
    """Given a stuck call, When whoever runs it is cancelled, Then that is at once."""
    released = asyncio.Event()
    calls = Calls()
    running = asyncio.create_task(calls.run(stubborn(released), 60, name="call"))
    await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    released.set()
    await calls.end()


async def test_the_end_comes_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given something that never closes, When all ends, Then it does in bounded time."""
    monkeypatch.setattr("experimentframework_servicebus._connection.calls.CLOSE_TIMEOUT", 0.001)
    released = asyncio.Event()
    calls = Calls()
    calls.start(stubborn(released), name="close")
    calls.start(broken(), name="close")

    await calls.end()

    released.set()
    await calls.end()
    assert not calls._left
