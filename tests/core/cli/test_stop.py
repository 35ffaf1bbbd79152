"""What a command does at a signal."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from experimentframework_core.cli._stop import Stop


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
async def test_two_signals_at_once_are_one(second: signal.Signals) -> None:
    """Given a second signal before the first is heard, When both are, Then the body ends once."""
    told = []

    with Stop(lambda: told.append("stopping")) as stop, stop.cancels_body():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), second)
        await asyncio.sleep(10)
    await asyncio.sleep(0)

    assert stop.signal == signal.SIGINT
    assert told == ["stopping"]


async def test_a_cancelling_from_elsewhere_goes_on() -> None:
    """Given no signal, When the task is cancelled, Then the body raises it."""

    async def body() -> None:
        with Stop() as stop, stop.cancels_body():
            await asyncio.sleep(10)

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
