"""A keeper commits in groups, reads for lanes, survives a failing disk, and ends in time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk.draft import ENOUGH_EVENTS
from experimentframework_core._disk.journal import Lost
from experimentframework_core._disk.owner import claim
from experimentframework_core._disk.writer import MARK_PATIENCE, TRIM_AFTER
from experimentframework_core._rules.batch import Item
from experimentframework_core._tasks import spawn
from experimentframework_core.errors import JournalError
from tests.core._channels import make
from tests.core.disk.keeping._keepers import Bench, JournalInMemory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    await made.begin()
    yield made
    made.journal.hanging.set()
    await made.keeper.close(1)
    assert made.journal.file.wrong == []


async def written_after(bench: Bench) -> float:
    began = asyncio.get_running_loop().time()
    while bench.buffer.draft.unwritten:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.001)
    return asyncio.get_running_loop().time() - began


def numbers(bench: Bench, place: int) -> list[int]:
    _, commit = bench.journal.commits[place]
    return [row.sequence for row in commit.rows]


# Writing.


async def test_the_first_is_written_at_once_and_the_next_together(bench: Bench) -> None:
    """Given events one after another, then those within an interval share a commit."""
    bench.buffer.offer(make(1))
    await asyncio.sleep(0.01)
    for name in (2, 3, 4):
        bench.buffer.offer(make(name))
        await asyncio.sleep(0.01)

    await asyncio.sleep(0.1)

    assert [numbers(bench, place) for place in (0, 1)] == [[1], [2, 3, 4]]
    times = [at for at, _ in bench.journal.commits]
    assert times[1] - times[0] == pytest.approx(0.05)


async def test_who_waits_is_told_after_the_commit(bench: Bench) -> None:
    """Given an event whose writing somebody awaits, then that ends with the commit."""
    record = make(1)
    bench.journal.hanging.clear()
    waiting = bench.ledger.write_of(record)
    bench.buffer.offer(record)
    await asyncio.sleep(1)
    before = waiting.done()

    bench.journal.hanging.set()
    await waiting

    assert not before
    assert list(bench.journal.file.rows) == [1]


async def test_enough_that_somebody_waits_for_is_written_at_once(bench: Bench) -> None:
    """Given a commit just before, when many wait for theirs, then it does not gather longer."""
    bench.buffer.offer(make(0))
    await asyncio.sleep(0.01)
    for number in range(1, ENOUGH_EVENTS + 1):
        bench.buffer.offer(make(number))
        bench.buffer.draft.want_written()

    await asyncio.sleep(0.01)

    assert len(bench.journal.file.rows) == 1 + ENOUGH_EVENTS


async def test_lazy_writing_waits_for_somebody_to_want_it(tmp_path: Path) -> None:
    """Given a lazy buffer, then nothing is written until it is wanted."""
    bench = Bench(tmp_path, lazy=True)
    await bench.begin()
    bench.buffer.offer(make(1))
    await asyncio.sleep(10)
    before = list(bench.journal.commits)

    bench.buffer.draft.want_written()
    await asyncio.sleep(0.1)

    assert (before, numbers(bench, 0)) == ([], [1])
    await bench.keeper.close(1)


async def test_marks_are_written_before_a_lane_goes_on(bench: Bench) -> None:
    """Given written events that were delivered, then `confirm` ends once that is in the file."""
    for name in (1, 2):
        bench.buffer.offer(make(name))
    await written_after(bench)
    bench.deliver(2)

    await bench.buffer.windows.queues[0].confirm()  # type: ignore[misc]  # set by the keeper

    assert bench.journal.file.below == 3


async def test_a_mark_that_came_during_a_commit_waits_for_the_next(bench: Bench) -> None:
    """Given a commit on its way, when its event is delivered, then `confirm` waits for another."""
    bench.journal.hanging.clear()
    bench.buffer.offer(make(1))
    await asyncio.sleep(0.1)
    bench.deliver(1)
    confirmed = spawn(bench.buffer.windows.queues[0].confirm(), name="confirm")  # type: ignore[misc, arg-type]

    bench.journal.hanging.set()
    await confirmed

    assert len(bench.journal.commits) == 2
    assert bench.journal.file.below == 2


async def test_a_disk_that_hangs_does_not_stop_a_lane_for_ever(bench: Bench) -> None:
    """Given marks that cannot be written, then `confirm` gives up after some seconds."""
    bench.buffer.offer(make(1))
    await written_after(bench)
    bench.journal.hanging.clear()
    bench.deliver(1)
    began = asyncio.get_running_loop().time()

    await bench.buffer.windows.queues[0].confirm()  # type: ignore[misc]

    assert asyncio.get_running_loop().time() - began == pytest.approx(MARK_PATIENCE)


async def test_settled_rows_are_deleted_later(bench: Bench) -> None:
    """Given rows whose marks are written, then they are deleted after a while, all together."""
    for name in range(9):
        bench.buffer.offer(make(name))
    await written_after(bench)
    bench.deliver(3)
    await asyncio.sleep(0.2)
    bench.deliver(3)
    await asyncio.sleep(0.2)
    before = len(bench.journal.file.rows)

    await asyncio.sleep(TRIM_AFTER)

    assert (before, len(bench.journal.file.rows)) == (6, 3)


async def test_nothing_to_do_is_no_turn(bench: Bench) -> None:
    """Given a keeper without work, then it leaves the disk alone for hours."""
    await asyncio.sleep(10_000)

    assert bench.journal.turns == []


async def test_written_ends_where_all_was_delivered_first(bench: Bench) -> None:
    """Given records that are delivered before their commit, then nobody waits for it any more."""
    bench.journal.hanging.clear()
    bench.buffer.offer(make(1))
    await asyncio.sleep(0.1)
    bench.buffer.offer(make(2))
    waiting = spawn(bench.keeper._writer.written(), name="written")  # type: ignore[union-attr]
    await asyncio.sleep(0.1)
    bench.deliver(2)

    bench.journal.hanging.set()
    await asyncio.wait((waiting,), timeout=1)

    assert waiting.done()


# A disk that fails.


async def test_a_failed_commit_is_tried_again(bench: Bench) -> None:
    """Given a disk that fails, when it is well again, then all is written and the error is gone."""
    bench.journal.failing = True
    bench.buffer.offer(make(1))
    await asyncio.sleep(3)
    error, attempts = bench.keeper.error, len(bench.journal.commits)

    bench.journal.failing = False
    await written_after(bench)
    await asyncio.sleep(0.01)

    assert str(error) == "no space"
    assert 3 <= attempts <= 7
    assert bench.keeper.error is None
    assert bench.journal.file.unsettled


async def test_a_disk_that_fails_holds_no_lane_up(bench: Bench) -> None:
    """Given a commit that failed, then `confirm` does not wait."""
    bench.journal.failing = True
    bench.buffer.offer(make(1))
    await asyncio.sleep(0.06)
    bench.deliver(1)
    began = asyncio.get_running_loop().time()

    await bench.buffer.windows.queues[0].confirm()  # type: ignore[misc]

    assert asyncio.get_running_loop().time() == began


async def test_an_error_that_should_not_be_does_not_end_the_writing(bench: Bench) -> None:
    """Given a turn that raises against its contract, then its rows are given again."""
    bench.journal.raising = RuntimeError("bug")
    bench.buffer.offer(make(1))
    await asyncio.sleep(0.01)

    bench.journal.raising = None
    await written_after(bench)

    assert [numbers(bench, place) for place in (0, -1)] == [[1], [1]]


async def test_a_failed_read_is_tried_again(tmp_path: Path) -> None:
    """Given rows on disk that cannot be read for a while, then they come when they can."""
    bench = Bench(tmp_path, window=4)
    await bench.begin()
    for name in range(9):
        bench.buffer.offer(make(name))
    await written_after(bench)
    bench.journal.failing = True
    bench.deliver(4)
    await asyncio.sleep(3)
    before = list(bench.buffer.windows.queues[0].numbers)

    bench.journal.failing = False
    await asyncio.sleep(2)

    assert (before, list(bench.buffer.windows.queues[0].numbers)) == ([], [5, 6, 7, 8])
    await bench.keeper.close(1)


# Damage.


async def test_damage_is_counted(bench: Bench) -> None:
    """Given a row that was lost on disk only, then it is dropped as damaged, and reported."""
    for name in range(3):
        bench.buffer.offer(make(name))
    await written_after(bench)
    bench.buffer.windows.queues[0].cut(3, 10_000, 0.0)
    bench.journal.file.lose(2)
    bench.journal.found = Lost([(2, 2)], 1, "damaged-1")
    bench.buffer.offer(make(9))

    await written_after(bench)

    report = bench.keeper.diagnostics()
    assert bench.ledger.dropped_by_reason() == {"damaged": 1}
    assert (report["damaged"], report["quarantined"], report["copy"]) == (1, 1, "damaged-1")


async def test_what_lanes_hold_is_written_again(bench: Bench) -> None:
    """Given a lost row that a lane has in work, then it is on disk again, and not dropped."""
    bench.buffer.offer(make(1))
    await written_after(bench)
    cut = bench.buffer.windows.queues[0].cut(1, 10_000, 0.0)
    bench.held = [Item(cut.records[0], 1, cut.accepted_at)]
    bench.journal.file.lose(1)
    bench.journal.found = Lost([(1, 1)], 0, "damaged-1")
    bench.buffer.offer(make(2))
    await asyncio.sleep(1)

    unsettled = [row.sequence for row in bench.journal.file.unsettled]

    assert unsettled == [1, 2]
    assert bench.ledger.dropped.total() == 0


async def test_damage_found_at_opening_is_recovered_and_dropped(tmp_path: Path) -> None:
    """Given a salvage at the opening that lost two events, then the books have both sides of it."""
    bench = Bench(tmp_path)
    bench.journal.lost_at_opening = Lost([(3, 4)], 0, "damaged-1")

    await bench.begin()

    assert (bench.buffer.recovered, bench.buffer.events) == (2, 0)
    assert bench.ledger.dropped_by_reason() == {"damaged": 2}
    assert bench.keeper.diagnostics()["damaged"] == 2
    await bench.keeper.close(1)


# The ends.


async def test_closing_writes_and_trims_all(tmp_path: Path) -> None:
    """Given unwritten and settled events, when it closes, then only the unsettled are there."""
    bench = Bench(tmp_path)
    await bench.begin()
    for name in range(4):
        bench.buffer.offer(make(name))
    await written_after(bench)
    bench.deliver(2)
    bench.buffer.offer(make(9))

    await bench.keeper.close(1)

    assert list(bench.journal.file.rows) == [3, 4, 5]
    assert bench.journal.closed == 1


async def test_closing_tries_once_more_after_a_failure(tmp_path: Path) -> None:
    """Given a disk that failed a moment ago and is well, when it closes, then all is written."""
    bench = Bench(tmp_path)
    await bench.begin()
    bench.journal.failing = True
    bench.buffer.offer(make(1))
    await asyncio.sleep(3)
    bench.journal.failing = False

    await bench.keeper.close(1)

    assert list(bench.journal.file.rows) == [1]
    assert bench.buffer.draft.leave_unwritten() == []


async def test_what_is_written_while_it_closes_is_kept(tmp_path: Path) -> None:
    """Given a commit that outlasts the grace, when the journal has it all the same, it counts."""
    bench = Bench(tmp_path)
    await bench.begin()
    record = make(1)
    waiting = bench.ledger.write_of(record)
    bench.journal.hanging.clear()
    bench.buffer.offer(record)
    await asyncio.sleep(0.1)
    aclose = bench.journal.aclose

    async def write_first() -> None:
        """Close as a journal does whose thread ends its work before it closes."""
        (_, commit, _), *_ = bench.journal.turns
        assert commit is not None
        bench.journal.file.apply(commit)
        await aclose()

    bench.journal.aclose = write_first  # type: ignore[method-assign]  # the thread's way

    await bench.keeper.close(0.1)

    assert waiting.done()
    assert waiting.exception() is None
    assert bench.buffer.draft.leave_unwritten() == []


@pytest.mark.parametrize("trouble", ["failing", "hanging"])
async def test_closing_keeps_its_grace(tmp_path: Path, trouble: str) -> None:
    """Given a disk that takes nothing any more, then it closes in time and says what is left."""
    bench = Bench(tmp_path)
    await bench.begin()
    if trouble == "failing":
        bench.journal.failing = True
    else:
        bench.journal.hanging.clear()
    bench.buffer.offer(make(1))
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()

    await bench.keeper.close(2)

    assert asyncio.get_running_loop().time() - began <= 6
    assert [item.sequence for item in bench.buffer.draft.leave_unwritten()] == [1]


async def test_closing_gives_the_folder_back(tmp_path: Path) -> None:
    """Given a keeper that closed, then the next process has its folder."""
    bench = Bench(tmp_path)
    await bench.begin()
    await bench.keeper.close(1)

    again = claim(tmp_path)

    assert again.folder == bench.keeper.folder
    again.release()


async def test_closing_twice_does_nothing_more(tmp_path: Path) -> None:
    """Given a keeper that closed, when it is closed again, then nothing happens."""
    bench = Bench(tmp_path)
    await bench.begin()
    await bench.keeper.close(1)
    turns = len(bench.journal.turns)

    await bench.keeper.close(1)

    assert len([commit for _, commit, _ in bench.journal.turns[turns:] if commit]) == 0


async def test_a_journal_that_cannot_be_opened_gives_the_folder_back(tmp_path: Path) -> None:
    """Given a journal that cannot be opened, then the error says why, and the folder is free."""
    bench = Bench(tmp_path)
    bench.journal = JournalInMemory(bench.journal.file, refuses="no rights")

    with pytest.raises(JournalError, match="no rights"):
        await bench.keeper.open()

    again = claim(tmp_path)
    assert again.folder.name == "0001"
    again.release()
    await bench.keeper.close(1)
