"""Calls in a thread that keeps no process alive."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from experimentframework_core._own_thread import OwnThread

HANGS = """
import asyncio, time
from experimentframework_core._own_thread import OwnThread

async def main():
    thread = OwnThread("hanging")
    try:
        await asyncio.wait_for(thread.run(lambda: time.sleep(3600)), 0.1)
    except TimeoutError:
        print("given up")
    thread.close()

asyncio.run(main())
"""


async def test_a_call_runs_beside_the_loop() -> None:
    """Given a call, When it is run, Then its result comes from a thread of that name."""
    thread = OwnThread("mine")

    name = await thread.run(lambda: threading.current_thread().name)

    assert name == "mine"
    thread.close()


async def test_what_it_raises_is_raised_and_the_thread_goes_on() -> None:
    """Given a call that raises, When another follows, Then that runs."""
    thread = OwnThread("mine")

    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    result = await thread.run(lambda: 1)

    assert result == 1
    thread.close()


async def test_a_call_that_was_cancelled_before_it_began_never_does() -> None:
    """Given a call behind a long one, When it is cancelled, Then it is not run."""
    thread = OwnThread("mine")
    release = threading.Event()
    ran: list[int] = []
    long = asyncio.ensure_future(thread.run(release.wait))
    cancelled = asyncio.ensure_future(thread.run(lambda: ran.append(1)))
    last = asyncio.ensure_future(thread.run(lambda: ran.append(2)))
    await asyncio.sleep(0)

    cancelled.cancel()
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(long, last)

    assert ran == [2]
    thread.close()


def test_a_call_that_hangs_keeps_no_process_alive() -> None:
    """Given a call that never returns, When the program is through, Then the process ends."""
    found = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=250, check=True
    )

    assert found.stdout == "given up\n"
