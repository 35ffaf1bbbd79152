"""Adoption moves what dead processes left, a chunk at a time, and loses nothing by it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import _failpoints
from experimentframework_core._disk import adoption
from experimentframework_core._disk.adoption import LOOK_EVERY
from experimentframework_core._disk.journal import Commit, Lost, Row
from experimentframework_core._disk.owner import claim
from experimentframework_core._disk.settled import Settled
from tests.core._channels import make
from tests.core.disk.keeping._keepers import EPOCH, Bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path


@pytest.fixture(autouse=True)
def chunks_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "CHUNK", 3)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A keeper that has opened its own folder, 0001, and was not started yet."""
    made = Bench(tmp_path)
    await made.keeper.open()
    yield made
    await made.keeper.close(1)
    assert made.journal.file.wrong == []


def rows(names: Iterable[int]) -> list[Row]:
    return [
        Row(number, int((EPOCH - 60) * 1000), 0, make(name).body)
        for number, name in enumerate(names, 1)
    ]


def waiting(bench: Bench) -> list[str]:
    return [record.event_id for record in bench.buffer.windows.queues[0].records]


def settle(file_of: object, numbers: Iterable[int]) -> None:
    """Have a journal know these to be settled."""
    file = file_of.file  # type: ignore[attr-defined]
    settled = Settled(file.below, file.blocks)
    for number in numbers:
        settled.add(number)
    left = [row for number, row in file.rows.items() if number not in settled]
    file.apply(
        Commit(
            rows=(),
            last=file.last,
            bytes=sum(len(row.body) for row in left),
            below=settled.below,
            blocks=settled.blocks(),
            trim=(),
        )
    )


async def test_moves_everything_in_order(bench: Bench, tmp_path: Path) -> None:
    """Given a dead process's journal of ten, then they wait here in order, and are on disk here."""
    bench.left_behind(tmp_path / "0002", rows(range(10)))

    bench.keeper.start()
    await asyncio.sleep(5)

    assert waiting(bench) == [str(name) for name in range(10)]
    assert (bench.buffer.recovered, bench.buffer.enqueued) == (10, 0)
    assert len(bench.journal.file.unsettled) == 10


async def test_the_drained_folder_goes_away(bench: Bench, tmp_path: Path) -> None:
    """Given a journal that was moved, then it is closed and its folder is removed."""
    other = bench.left_behind(tmp_path / "0002", rows(range(4)))

    bench.keeper.start()
    await asyncio.sleep(5)

    assert other.closed == 1
    assert [path.name for path in tmp_path.iterdir()] == ["0001"]
    assert bench.keeper.diagnostics()["adopting"] is None


async def test_several_are_moved_one_after_another(bench: Bench, tmp_path: Path) -> None:
    """Given two dead processes, then the events of both come, those of the first folder first."""
    bench.left_behind(tmp_path / "0002", rows(range(4)))
    bench.left_behind(tmp_path / "0003", rows(range(10, 14)))

    bench.keeper.start()
    await asyncio.sleep(5)

    assert waiting(bench) == ["0", "1", "2", "3", "10", "11", "12", "13"]


async def test_what_is_settled_there_is_not_moved(bench: Bench, tmp_path: Path) -> None:
    """Given a journal with settled rows that were not trimmed, then only the others are moved."""
    other = bench.left_behind(tmp_path / "0002", rows(range(1, 8)))
    settle(other, [1, 2, 5])

    bench.keeper.start()
    await asyncio.sleep(5)

    assert waiting(bench) == ["3", "4", "6", "7"]


async def test_an_event_keeps_its_age(bench: Bench, tmp_path: Path) -> None:
    """Given events a minute older than this process, then that is their age here."""
    began = asyncio.get_running_loop().time()
    bench.left_behind(tmp_path / "0002", rows(range(2)))

    bench.keeper.start()
    await asyncio.sleep(5)

    oldest = bench.buffer.windows.queues[0].oldest(0.0)
    assert oldest < began - 50


async def test_is_on_disk_here_before_it_is_settled_there(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the moment between, then each event is in at least one of the two journals."""
    other = bench.left_behind(tmp_path / "0002", rows(range(7)))
    seen: list[tuple[int, int]] = []

    def look(point: str) -> None:
        if point == "keeper.in_adoption":
            seen.append((len(bench.journal.file.unsettled), len(other.file.unsettled)))

    monkeypatch.setattr(_failpoints, "on_reach", look)
    bench.keeper.start()
    await asyncio.sleep(5)

    assert seen == [(3, 7), (6, 4), (7, 1)]


async def test_waits_for_room(tmp_path: Path) -> None:
    """Given a buffer more than half full, then nothing is moved until there is room."""
    bench = Bench(tmp_path)
    await bench.keeper.open()
    bench.left_behind(tmp_path / "0002", rows(range(4)))
    for name in range(501):
        bench.buffer.offer(make(f"own{name}"))
    bench.keeper.start()
    await asyncio.sleep(60)
    before = bench.buffer.recovered

    bench.deliver(100)
    await asyncio.sleep(5)

    assert (before, bench.buffer.recovered) == (0, 4)
    await bench.keeper.close(1)


async def test_a_living_neighbour_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    """Given a folder that another one holds, then its journal is not opened."""
    other = bench.left_behind(tmp_path / "0002", rows(range(4)))
    neighbour = claim(tmp_path)

    bench.keeper.start()
    await asyncio.sleep(3 * LOOK_EVERY)
    neighbour.release()

    assert neighbour.folder.name == "0002"
    assert (other.turns, bench.buffer.recovered) == ([], 0)


async def test_one_that_dies_later_is_found(bench: Bench, tmp_path: Path) -> None:
    """Given a process that dies while this one runs, then its journal is taken over soon."""
    bench.keeper.start()
    await asyncio.sleep(1)
    bench.left_behind(tmp_path / "0002", rows(range(4)))

    await asyncio.sleep(LOOK_EVERY)

    assert bench.buffer.recovered == 4


async def test_a_journal_that_fails_does_not_hold_up_the_next(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Given one that cannot be read, then it is said, it keeps its events, and others are moved."""
    bad = bench.left_behind(tmp_path / "0002", rows(range(4)))
    bad.failing = True
    bench.left_behind(tmp_path / "0003", rows(range(10, 14)))

    bench.keeper.start()
    await asyncio.sleep(2 * LOOK_EVERY)

    assert "adoption_failed" in caplog.text
    assert waiting(bench) == ["10", "11", "12", "13"]
    assert len(bad.file.unsettled) == 4


async def test_what_could_not_be_moved_is_the_next_ones(bench: Bench, tmp_path: Path) -> None:
    """Given a journal that cannot be read, when this process closes, then its folder is free."""
    bench.left_behind(tmp_path / "0002", rows(range(4))).failing = True
    bench.keeper.start()
    await asyncio.sleep(5)

    await bench.keeper.close(1)

    claims = [claim(tmp_path), claim(tmp_path)]
    assert [each.folder.name for each in claims] == ["0001", "0002"]
    for each in claims:
        each.release()


async def test_closing_in_between_leaves_the_rest(bench: Bench, tmp_path: Path) -> None:
    """Given a journal that is being moved, when this process closes, then nothing is lost."""
    other = bench.left_behind(tmp_path / "0002", rows(range(9)))
    bench.keeper.start()
    while not bench.journal.file.rows:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.0005)

    await bench.keeper.close(1)

    here = {row.body for row in bench.journal.file.unsettled}
    there = {row.body for row in other.file.unsettled}
    assert here | there == {row.body for row in rows(range(9))}
    assert here
    assert there


@pytest.mark.parametrize("when", ["opening", "reading"])
async def test_damage_there_is_counted_here(bench: Bench, tmp_path: Path, when: str) -> None:
    """Given a lost row in the other journal, then it is recovered and dropped, the rest moved."""
    other = bench.left_behind(tmp_path / "0002", rows(range(5)))
    if when == "opening":
        other.lost_at_opening = Lost([(2, 2)], 0, "damaged-1")
        other.file.rows.pop(2)
    else:
        other.file.lose(2)
        other.found = Lost([(2, 2)], 0, "damaged-1")
        other.file.below, other.file.blocks = 1, {}

    bench.keeper.start()
    await asyncio.sleep(5)

    assert waiting(bench) == ["0", "2", "3", "4"]
    assert bench.ledger.dropped_by_reason() == {"damaged": 1}
    assert bench.buffer.recovered == 5
