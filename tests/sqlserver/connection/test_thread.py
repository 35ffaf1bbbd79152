"""The thread of a connection: one thing after another, and nothing waits for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import CancelledError
from weakref import ref

import pytest

from experimentframework_sqlserver._connection.thread import DriverThread


def test_work_is_done_in_order_in_one_thread() -> None:
    """Given several things to do, When they are done, Then it was in order, in one thread."""
    thread = DriverThread("test")
    done: list[tuple[int, int]] = []

    def note(number: int) -> None:
        done.append((number, threading.get_ident()))

    futures = [thread.submit(note, number) for number in range(10)]

    for future in futures:
        future.result(30)
    assert [number for number, _ in done] == list(range(10))
    assert {ident for _, ident in done} - {threading.get_ident()} == {done[0][1]}


def test_an_error_is_raised_where_it_is_awaited() -> None:
    """Given work that fails, When it is awaited, Then it raises there, and other work goes on."""
    thread = DriverThread("test")

    failed, later = thread.submit(int, "x"), thread.submit(int, "1")

    with pytest.raises(ValueError, match="invalid literal"):
        failed.result(30)
    assert later.result(30) == 1


def test_what_was_cancelled_is_not_begun() -> None:
    """Given work that waits behind other work, When it is cancelled, Then it is left out."""
    thread = DriverThread("test")
    gate = threading.Event()
    begun: list[int] = []

    thread.submit(gate.wait, 5)
    waiting = thread.submit(begun.append, 1)
    waiting.cancel()
    gate.set()
    thread.submit(int).result(30)

    with pytest.raises(CancelledError):
        waiting.result(30)
    assert begun == []


def test_after_shutdown_the_thread_ends_when_all_is_done() -> None:
    """Given work and a shutdown, When the work is done, Then so is the thread."""
    thread = DriverThread("experimentframework.test-shutdown")

    last = thread.submit(threading.current_thread)
    thread.shutdown()

    last.result(30).join(30)
    assert not last.result().is_alive()


def test_nothing_done_is_kept_alive() -> None:
    """Given a result that nobody holds, When the thread waits for work, Then it does not either."""

    class Result:
        pass

    thread = DriverThread("test")
    seen = ref(thread.submit(Result).result(30))

    thread.submit(int).result(30)

    assert seen() is None


def test_a_driver_that_hangs_does_not_keep_the_process() -> None:
    """Given a thread that never comes back, When the program ends, Then the process ends."""
    program = (
        "import threading\n"
        "from experimentframework_sqlserver._connection.thread import DriverThread\n"
        "DriverThread('test').submit(threading.Event().wait)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], timeout=30, check=False)

    assert ended.returncode == 0
