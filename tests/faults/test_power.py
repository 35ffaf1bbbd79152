"""Loss of power, replayed from the system calls of the real connection: nothing synced is lost."""

from __future__ import annotations

import asyncio
import os
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.faults import _system_calls as system_calls
from tests.faults import power
from tests.faults._lossy_disk import LossyDisk
from tests.faults._power_plan import Life, State, plan_life
from tests.faults._power_record import lay_out, record
from tests.faults._power_verify import Verdict, judge
from tests.faults._trace import Change, Opening, Removal, Saying, Sync, Write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    system_calls.why_not() is not None,
    reason=f"system calls cannot be traced: {system_calls.why_not()}",
)

long = os.environ.get("EXPERIMENTFRAMEWORK_FAULTS") == "long"


@pytest.fixture(scope="module")
def life() -> Life:
    return plan_life(State(), Random(4), commits=8, ends="kill")


@pytest.fixture(scope="module")
def changes(life: Life) -> list[Change]:
    return record(life, {})


def verdict_at_the_end(life: Life, changes: Sequence[Change], folder: Path) -> Verdict:
    """Lose power after the last change, and judge."""
    (moment,) = power.moments(LossyDisk({}), changes, [len(changes)], Random(2))
    lay_out(folder, moment.files)
    return asyncio.run(judge(folder, life.states[moment.acknowledged :][:2], life.rows))


@pytest.mark.timeout(900)
def test_nothing_that_was_synced_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Given processes that write a journal, close it, are killed and go on.

    When power is lost at many moments, then each time all that was acknowledged is there.
    """
    faults = power.run_all(1000 if long else 150, seed=1)

    assert faults == []
    assert "marks forgotten" in capsys.readouterr().out


def test_every_commit_is_acknowledged_in_the_record(life: Life, changes: list[Change]) -> None:
    """Given a life.

    When it is recorded, then every commit is acknowledged, right after a sync of the log.
    """
    files = {each.handle: each.name for each in changes if isinstance(each, Opening)}
    sayings = [at for at, each in enumerate(changes) if isinstance(each, Saying)]

    before = [changes[at - 1] for at in sayings[1:]]

    assert len(before) == len(life.commits)
    assert {files[each.handle] for each in before if isinstance(each, Sync)} <= {
        "journal.db",
        "journal.db-wal",
    }


def test_the_end_of_a_record_holds_all(life: Life, changes: list[Change], tmp_path: Path) -> None:
    """Given a record.

    When power is lost behind its end, then there is nothing wrong.
    """
    verdict = verdict_at_the_end(life, changes, tmp_path / "j")

    assert verdict.faults == []
    assert verdict.checked > 0


def test_a_synced_write_that_is_dropped_is_a_loss(
    life: Life, changes: list[Change], tmp_path: Path
) -> None:
    """Given a record from which one write to the log is taken, though it was synced.

    When power is lost, then the commits from there on are missed.
    """
    logs = {each.handle for each in changes if isinstance(each, Opening) and "-wal" in each.name}
    writes = [at for at, each in enumerate(changes) if isinstance(each, Write)]
    last = max(at for at in writes if getattr(changes[at], "handle", 0) in logs)

    verdict = verdict_at_the_end(life, [*changes[:last], *changes[last + 1 :]], tmp_path / "j")

    assert verdict.state is None
    assert verdict.faults


def test_a_journal_that_does_not_sync_loses_rows(
    life: Life, changes: list[Change], tmp_path: Path
) -> None:
    """Given a record from which the syncs are taken.

    When power is lost at its end, then acknowledged rows are lost.
    """
    without = [each for each in changes if not isinstance(each, Sync)]

    verdict = verdict_at_the_end(life, without, tmp_path / "j")

    assert verdict.lost > 0


def test_half_of_the_losses_are_at_the_edges(changes: list[Change]) -> None:
    """Given a record.

    When points are chosen, then they are many, ascending, and some lie beside each kind of edge.
    """
    points = power.choose_points(changes, 400, Random(1))

    beside = {type(changes[at]) for at in points if at < len(changes)}
    assert points == sorted(points)
    assert len(points) == 400
    assert {Sync, Saying, Removal, Opening, Write} <= beside
