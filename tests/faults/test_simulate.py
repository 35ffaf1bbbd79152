"""The simulation: its seeds pass, it plays the same run again, and it can fail."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core._disk.draft import Draft
from experimentframework_core._disk.window import DiskQueue
from experimentframework_core._disk.windows import Windows
from experimentframework_core._disk.writer import Writer
from tests.faults.simulate import main, report, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core._disk.journal import Commit, Opened, Row
    from experimentframework_core._rules.buffer import Cut
    from experimentframework_core.envelope import Record

SEEDS_TO_FAIL = 250


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "experimentframework")


def test_the_first_seeds_pass() -> None:
    """Given the first seeds, then nothing is wrong, and crashes and durable events were many."""
    seeds = range(40)

    reports = [report(seed) for seed in seeds]

    assert [(each.seed, each.wrong) for each in reports if each.wrong] == []
    assert sum(each.lives for each in reports) > 200
    assert sum(each.durable for each in reports) > 500


def test_a_seed_plays_the_same_again() -> None:
    """Given one seed, when it is run twice, then the same happens at the same times."""
    first = simulate(3)

    second = simulate(3)

    assert second.trace == first.trace
    assert second.arrived == first.arrived


def marked_when_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settle records when they are taken out of the window, before they are delivered."""
    cut, recover = DiskQueue.cut, Windows.recover
    drafts: dict[DiskQueue, Draft] = {}

    def noting(windows: Windows, opened: Opened) -> None:
        drafts.update(dict.fromkeys(windows.queues, windows._draft))
        recover(windows, opened)

    def early(queue: DiskQueue, most: int, most_bytes: int, now: float) -> Cut:
        taken = cut(queue, most, most_bytes, now)
        drafts[queue].settle(taken.numbers)
        return taken

    monkeypatch.setattr(Windows, "recover", noting)
    monkeypatch.setattr(DiskQueue, "cut", early)


def skipping_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one row in seven out when a window is filled from disk."""
    enter = Windows.enter

    def most(windows: Windows, lane: int, row: Row, record: Record) -> None:
        if row.sequence % 7:
            enter(windows, lane, row, record)

    monkeypatch.setattr(Windows, "enter", most)


def not_waiting_for_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send a lane's next batch without waiting for the last one's marks."""

    async def at_once(writer: Writer) -> None:
        pass

    monkeypatch.setattr(Writer, "confirm", at_once)


def losing_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out of the commits what was settled out of order."""
    begin = Draft.begin

    def without(draft: Draft, *, trim: bool) -> Commit:
        return msgspec.structs.replace(begin(draft, trim=trim), blocks={})

    monkeypatch.setattr(Draft, "begin", without)


def skipping_what_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not give a lane that catches up what waits for its commit."""

    def skip(windows: Windows, lane: int, queue: DiskQueue) -> None:
        queue.cursor = max(queue.cursor, queue.newest)

    monkeypatch.setattr(Windows, "_catch_up", skip)


def believing_failed_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a commit that failed for one that was not applied for certain."""

    def failed(draft: Draft) -> None:
        draft.marks_due = True
        draft._writing = 0

    monkeypatch.setattr(Draft, "failed", failed)


@pytest.mark.parametrize(
    "breaking",
    [
        marked_when_cut,
        skipping_a_row,
        not_waiting_for_marks,
        losing_marks,
        skipping_what_is_not_written,
        believing_failed_commits,
    ],
)
def test_it_finds_what_is_broken(breaking: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a deliberate mistake in the real code, then one of the first seeds shows it."""
    assert callable(breaking)
    breaking(monkeypatch)

    found = next((seed for seed in range(SEEDS_TO_FAIL) if simulate(seed).wrong), None)

    assert found is not None


def test_a_failing_seed_says_how_to_play_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a broken variant, then the command fails and prints the seed's own command."""
    skipping_a_row(monkeypatch)
    arguments: Sequence[str] = ["--seeds", "20", "--jobs", "1"]

    code = main(list(arguments))

    assert code == 1
    assert re.search(
        r"again: python -m tests\.faults simulate --seed \d+\n", capsys.readouterr().out
    )
