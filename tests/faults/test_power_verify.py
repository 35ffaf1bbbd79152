"""What is judged after a loss of power: each kind of loss is seen."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk.journal import Journal
from tests.faults._power_plan import Life, State, plan_life, read_commits, write_commits
from tests.faults._power_verify import judge

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def life() -> Life:
    life = plan_life(State(), Random(3), commits=12, ends="close")
    assert life.states[-1].unsettled
    return life


async def write(folder: Path, life: Life, commits: int) -> None:
    journal = Journal(folder)
    await journal.open()
    for commit in life.commits[:commits]:
        assert (await journal.turn(commit, [])).committed
    await journal.aclose()


async def test_a_whole_journal_has_no_fault(tmp_path: Path, life: Life) -> None:
    """Given a journal with all that was acknowledged.

    When it is judged, then every unsettled row was looked at and nothing is wrong.
    """
    await write(tmp_path / "j", life, 12)

    verdict = await judge(tmp_path / "j", life.states[12:], life.rows, again=tmp_path / "again")

    assert verdict.faults == []
    assert (verdict.opened, verdict.state) == (True, 0)
    assert verdict.checked == len(life.states[12].unsettled)


async def test_a_commit_that_was_not_acknowledged_may_be_there(tmp_path: Path, life: Life) -> None:
    """Given a journal with one commit more than was acknowledged.

    When it is judged, then that is the second possible state, and no fault.
    """
    await write(tmp_path, life, 12)

    verdict = await judge(tmp_path, life.states[11:], life.rows)

    assert (verdict.faults, verdict.state) == ([], 1)


async def test_a_lost_commit_is_seen(tmp_path: Path, life: Life) -> None:
    """Given a journal without the last ten commits that were acknowledged.

    When it is judged, then their rows are lost.
    """
    await write(tmp_path, life, 2)

    verdict = await judge(tmp_path, life.states[12:], life.rows)

    assert verdict.lost > 0
    assert verdict.state is None
    assert any(fault.startswith("lost: ") for fault in verdict.faults)


async def test_a_missing_journal_is_seen(tmp_path: Path, life: Life) -> None:
    """Given an empty folder.

    When it is judged, then every acknowledged row is lost.
    """
    verdict = await judge(tmp_path, life.states[12:], life.rows)

    assert verdict.lost == verdict.checked == len(life.states[12].unsettled)


async def test_a_wrong_body_is_seen(tmp_path: Path, life: Life) -> None:
    """Given a journal with a row that was never written like that.

    When it is judged, then that row is invented, and the right one lost.
    """
    await write(tmp_path, life, 12)
    number = min(life.states[12].unsettled)
    written = {**life.rows, number: life.rows[number]._replace(body=b"another")}

    verdict = await judge(tmp_path, life.states[12:], written)

    assert (verdict.lost, verdict.invented) == (1, 1)


async def test_a_forgotten_mark_is_seen(tmp_path: Path, life: Life) -> None:
    """Given a journal that does not know that a row was settled.

    When it is judged, then the mark is forgotten.
    """
    await write(tmp_path, life, 12)
    state = life.states[12]
    settled = state._replace(unsettled=state.unsettled - {min(state.unsettled)})

    verdict = await judge(tmp_path, [settled], life.rows)

    assert verdict.forgotten == 1


async def test_a_journal_that_does_not_open_is_seen(tmp_path: Path, life: Life) -> None:
    """Given a file that is no journal.

    When it is judged, then all is lost.
    """
    (tmp_path / "journal.db").write_bytes(b"something else" * 1000)

    verdict = await judge(tmp_path, life.states[12:], life.rows)

    assert not verdict.opened
    assert verdict.lost == len(life.states[12].unsettled)


def test_a_life_goes_on_where_another_ended(life: Life) -> None:
    """Given the state at the end of a life.

    When another is planned, then its numbers are new and its state begins with the old rows.
    """
    state = life.states[-1]

    following = plan_life(state, Random(4), commits=5, ends="kill")

    assert min(row.sequence for commit in following.commits for row in commit.rows) > state.last
    assert following.states[0] == state


def test_commits_are_handed_to_the_process_unchanged(life: Life) -> None:
    """Given a life.

    When its commits are written and read, then they are the same.
    """
    encoded = write_commits(life)

    commits = read_commits(encoded)

    assert [(list(each.rows), each.last, each.below) for each in commits] == [
        (list(each.rows), each.last, each.below) for each in life.commits
    ]
