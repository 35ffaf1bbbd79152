"""Opens what a loss of power left of a journal, and judges it by what was acknowledged."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.journal import Commit, Journal, Row, Want
from experimentframework_core._disk.settled import Settled
from experimentframework_core.errors import JournalError
from tests.faults._power_plan import unsettled_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from experimentframework_core._disk.journal import Opened
    from tests.faults._power_plan import State

_page = 2000


class Verdict(msgspec.Struct):
    """What is left after a loss of power.

    Attributes:
        opened: Whether the journal opens.
        checked: How many rows had to be there: acknowledged and not settled.
        lost: Those that are not there, or not as they were written.
        invented: Rows that are there and were never written like that.
        forgotten: Numbers whose settling was acknowledged and is not there.
        alarm: Whether the torn end of the log was taken for damage. Then rows of the commit in
            flight may be there one by one, and those that are not may be told as lost.
        state: Which of the possible states the journal is in; None: in none of them.
        faults: What is against the rules, in words.
    """

    opened: bool = False
    checked: int = 0
    lost: int = 0
    invented: int = 0
    forgotten: int = 0
    alarm: bool = False
    state: int | None = None
    faults: list[str] = msgspec.field(default_factory=list)


async def judge(
    folder: Path,
    possible: Sequence[State],
    written: Mapping[int, Row],
    *,
    again: Path | None = None,
) -> Verdict:
    """Open the journal in ``folder``, read all of it, write on.

    Args:
        folder: Where it is; its files are changed.
        possible: What was acknowledged last, then what may have been written since.
        written: Every row that was ever given to it.
        again: If given, the files are copied there before the end, as a kill leaves them, and
            all of that is read too.
    """
    verdict = Verdict(checked=len(possible[0].unsettled))
    journal = Journal(folder)
    try:
        opened = await journal.open()
    except Exception as error:  # noqa: BLE001 - what breaks the contract is a fault to be told
        await journal.aclose()
        verdict.faults.append(f"does not open: {error!r}")
        verdict.lost = verdict.checked
        return verdict
    try:
        found = await _read_all(journal, opened.last, verdict)
        _judge_marks(opened, found, possible, verdict)
        _judge_rows(found, possible, written, verdict)
        row = await _write_on(journal, opened, verdict)
        if again is not None:
            shutil.copytree(folder, again)
            await _open_again(again, {**found, row.sequence: row}, verdict)
    finally:
        await journal.aclose()
    return verdict


async def _read_all(journal: Journal, last: int, verdict: Verdict) -> dict[int, Row]:
    found: dict[int, Row] = {}
    after = 0
    while after < last:
        turn = await journal.turn(None, [Want(after, 0, 1, _page, 1 << 22)])
        if turn.error or turn.lost:
            verdict.faults.append(f"behind {after} reading ends with {turn.error or turn.lost}")
        if turn.error:
            break
        found.update((row.sequence, row) for row in turn.pages[0].rows)
        after = turn.pages[0].through
    return found


def _judge_marks(
    opened: Opened, found: Mapping[int, Row], possible: Sequence[State], verdict: Verdict
) -> None:
    unsettled = unsettled_of(Settled(opened.below, opened.blocks), opened.last)
    marks = (opened.last, opened.bytes, unsettled)
    known = [(state.last, state.size, state.unsettled) for state in possible]
    alike = [number for number, each in enumerate(known) if each == marks]
    whole = [number for number in alike if possible[number].rows.keys() == found.keys()]
    verdict.opened = True
    verdict.alarm = opened.cut
    verdict.state = next(iter(whole), None)
    if verdict.alarm:
        # Salvaged row by row: the commit in flight may be there in part.
        pass
    elif not alike:
        sums = [(last, size, len(numbers)) for last, size, numbers in (marks, *known)]
        verdict.faults.append(f"last, bytes, unsettled are {sums[0]}, none of {sums[1:]}")
    elif not whole:
        verdict.faults.append("there are not the rows of the state that the marks tell")
    acknowledged = range(1, possible[0].last + 1)
    verdict.forgotten = sum(number in acknowledged for number in unsettled - possible[0].unsettled)
    if opened.last < possible[0].last:
        verdict.faults.append(f"ends at {opened.last}, not {possible[0].last}")
    if opened.lost and not opened.cut:
        verdict.faults.append(f"takes the loss of power for damage: {opened.lost}")


def _judge_rows(
    found: Mapping[int, Row],
    possible: Sequence[State],
    written: Mapping[int, Row],
    verdict: Verdict,
) -> None:
    must = possible[0].unsettled
    if verdict.state is not None:
        must = must & possible[verdict.state].unsettled
    good = {number for number, row in found.items() if written.get(number) == row}
    verdict.checked = len(must)
    verdict.lost = len(must - good)
    verdict.invented = len(found) - len(good)
    for what in ("lost", "invented", "forgotten"):
        if count := getattr(verdict, what):
            verdict.faults.append(f"{what}: {count}")


async def _write_on(journal: Journal, opened: Opened, verdict: Verdict) -> Row:
    """Write the next row and read it."""
    row = Row(opened.last + 1, 1, 1, b"the next row")
    size = opened.bytes + len(row.body)
    commit = Commit([row], row.sequence, size, opened.below, {}, [])
    turn = await journal.turn(commit, [Want(opened.last, 0, 1, 10, 1 << 20)])
    if turn.error or turn.lost or list(turn.pages[0].rows) != [row]:
        verdict.faults.append(f"the next row is not written: {turn.error or turn}")
    return row


async def _open_again(folder: Path, rows: Mapping[int, Row], verdict: Verdict) -> None:
    journal = Journal(folder)
    try:
        opened = await journal.open()
        if await _read_all(journal, opened.last, verdict) != rows:
            verdict.faults.append("after another row and a kill there are not the same rows")
    except JournalError as error:
        verdict.faults.append(f"does not open a second time: {error}")
    finally:
        await journal.aclose()
