"""Blocking work begins although the loop's executor is full."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from operator import getitem

import pytest

from experimentframework_core._new_thread import in_new_thread

word = ContextVar("word", default="nothing")


async def test_a_full_executor_is_not_waited_for() -> None:
    """Given a default executor without a free thread, when work is given, then it is done."""
    end = threading.Event()
    executor = ThreadPoolExecutor(1)
    executor.submit(end.wait)
    asyncio.get_running_loop().set_default_executor(executor)

    try:
        async with asyncio.timeout(30):
            name = await in_new_thread(lambda: threading.current_thread().name, name="looking")
    finally:
        end.set()

    assert name == "experimentframework.looking"


async def test_the_context_is_that_of_the_caller() -> None:
    """Given a variable of the context, when work reads it, then it sees the caller's value."""
    word.set("something")

    found = await in_new_thread(word.get, name="reading")

    assert found == "something"


async def test_an_error_is_raised_where_it_is_waited_for() -> None:
    """Given work that fails, when it is waited for, then its error is raised there."""
    with pytest.raises(KeyError, match="missing"):
        await in_new_thread(partial(getitem, {}, "missing"), name="failing")


async def test_work_whose_caller_was_cancelled_goes_on() -> None:
    """Given work in a thread, when its caller is cancelled, then it ends undisturbed."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    caller = asyncio.ensure_future(in_new_thread(work, name="working"))
    while not begun.is_set():  # noqa: ASYNC110 - it is set in a thread
        await asyncio.sleep(0.001)
    caller.cancel()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await in_new_thread(lambda: ended.wait(10), name="looking")
