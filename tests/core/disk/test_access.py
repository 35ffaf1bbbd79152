"""Turns at a journal: failures, pauses, damage, and a sleep that can be ended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core._disk.access import Access
from experimentframework_core._disk.journal_data import Commit, Lost, Opened, Page, Turn, Want
from experimentframework_core._log import Repeated
from experimentframework_core._tasks import Sleep
from experimentframework_core.errors import TransientError
from tests.core._planes import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Sequence

WANT = Want(after=5, lane=0, lanes=1, most=10, most_bytes=1000)


class Answers:
    """A journal that gives the answers it is told to."""

    def __init__(self, *answers: Turn) -> None:
        self.answers = list(answers)
        self.wrote = None

    async def open(self) -> Opened:
        raise NotImplementedError

    async def turn(self, commit: Commit | None, wants: Sequence[Want]) -> Turn:
        return self.answers.pop(0)

    async def aclose(self) -> None:
        pass


def access(*answers: Turn, lost: list[Lost] | None = None) -> Access:
    found: list[Lost] = [] if lost is None else lost
    return Access("kafka", Path("spool"), Answers(*answers), lose=found.append, warnings=Repeated())


def failed() -> Turn:
    return Turn(error=TransientError("full"), pages=(), committed=False)


def done() -> Turn:
    return Turn(error=None, pages=())


async def turns(made: Access, number: int) -> list[float]:
    """Take turns as soon as they may be taken, and return the pauses between them."""
    loop = asyncio.get_running_loop()
    pauses = []
    for _ in range(number):
        await made.turn(None)
        pauses.append(made.not_before - loop.time())
        await asyncio.sleep(max(0.0, pauses[-1]))
    return pauses


def test_pauses_double_up_to_a_second() -> None:
    """Given a disk that fails, then it is left alone for longer each time, a second at most."""

    async def pauses() -> list[float]:
        return await turns(access(*[failed()] * 6), 6)

    assert [round(each, 3) for each in in_virtual_time(pauses())] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


async def test_a_good_turn_ends_the_trouble() -> None:
    made = access(failed(), done())

    await made.turn(None)
    troubled = made.error
    await made.turn(None)

    assert (str(troubled), made.error) == ("full", None)
    assert made.not_before < 0


async def test_a_page_without_progress_is_a_failure() -> None:
    """Given a page that leads nowhere, then the journal is left alone for a while."""
    made = access(Turn(error=None, pages=[Page((), WANT.after)]))

    await made.turn(None, [WANT])

    assert "cannot read the journal in spool" in str(made.error)


async def test_damage_is_told_and_is_no_failure() -> None:
    """Given damage that was met and mended on the way, then it is told, and nothing waits."""
    lost: list[Lost] = []
    damage = Lost([(6, 7)], 0, "copy")
    made = access(Turn(error=None, pages=[Page((), WANT.after)], lost=damage), lost=lost)

    await made.turn(None, [WANT])

    assert (lost, made.error) == ([damage], None)


def test_a_sleep_ends_at_its_time_or_when_woken() -> None:
    """Given a sleep of ten seconds, when a nearer time is set and it is woken, then that counts."""

    async def length() -> float:
        loop, sleep = asyncio.get_running_loop(), Sleep()
        began = loop.time()
        due = [began + 10]
        loop.call_later(3, due.__setitem__, 0, began + 4)
        loop.call_later(3, sleep.wake)
        await sleep.until(lambda: due[0])
        return loop.time() - began

    assert in_virtual_time(length()) == 4
