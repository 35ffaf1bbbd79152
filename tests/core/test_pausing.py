"""Whoever stands still for a fork goes on when it is over, or when its thread waits for them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from experimentframework_core import _pausing
from experimentframework_core._portal import Portal


def test_who_stands_still_is_let_go_on_once() -> None:
    """Given somebody who stands still, When the fork ends twice, Then they are told once."""
    told: list[str] = []
    _pausing.keep(lambda: told.append("go on"))

    _pausing.end()
    _pausing.end()

    assert told == ["go on"]


def test_another_thread_lets_nobody_go_on() -> None:
    """Given a thread that forks, When another one's fork ends, Then nobody is told."""
    told: list[str] = []
    _pausing.keep(lambda: told.append("go on"))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(_pausing.end).result(30)
    early = list(told)
    _pausing.end()

    assert (early, told) == ([], ["go on"])


def test_who_waits_for_a_loop_that_it_has_stopped_lets_it_go_on() -> None:
    """Given a loop that stands still, When the thread that forks waits for it, Then it answers."""
    portal = Portal("tests.pausing")
    portal.start()
    _pausing.begin([portal.pause])

    answer = portal.run(asyncio.sleep(0, "here"))

    portal.stop(5)
    assert answer == "here"
