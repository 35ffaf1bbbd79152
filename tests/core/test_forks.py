"""A fork waits for those who work with SQLite, and they for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from experimentframework_core._sqlite.forks import Forks

if TYPE_CHECKING:
    import pytest


def test_a_fork_begins_at_once_where_nobody_works() -> None:
    """Given nobody who works, When a fork begins, Then it may."""
    forks = Forks()

    assert forks.begin(0)


def test_a_fork_waits_for_who_works() -> None:
    """Given a thread that works, When a fork begins, Then it may once the thread has ended."""
    forks = Forks()
    with ThreadPoolExecutor(1) as pool:
        with forks.kept_off():
            beginning = pool.submit(forks.begin, 5)
            early = beginning.done()

        assert (early, beginning.result(30)) == (False, True)


def test_a_fork_does_not_wait_for_ever() -> None:
    """Given a thread that hangs, When a fork begins, Then it is told that somebody works."""
    forks = Forks()

    with forks.kept_off():
        assert not forks.begin(0)


def test_work_waits_for_the_end_of_a_fork() -> None:
    """Given a fork that goes on, When a thread is to work, Then it begins after the fork."""
    forks = Forks()
    worked = threading.Event()

    def work() -> bool:
        with forks.kept_off():
            worked.set()
        return True

    forks.begin(0)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        early = worked.is_set()
        forks.end()

        assert (early, working.result(30)) == (False, True)


def test_work_does_not_wait_for_a_fork_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a fork whose end a signal handler has prevented, When a thread works, Then it may."""
    monkeypatch.setattr("experimentframework_core._sqlite.forks.LONGEST_FORK", 0.01)
    forks = Forks()
    forks.begin(0)

    with forks.kept_off():
        working = forks.begin(0)

    assert not working


def test_a_child_begins_anew() -> None:
    """Given a thread of the parent that worked at the fork, When the child begins, Then it may."""
    forks = Forks()

    with forks.kept_off():
        forks.begin(0)
        forks.begin_anew()
        may = forks.begin(0)
        forks.begin_anew()
        forks._working += 1

    assert may
