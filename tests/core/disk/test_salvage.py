"""Damage: copied aside first, what is readable kept, what is lost counted, crashes survived."""

from __future__ import annotations

import errno
import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import _failpoints
from experimentframework_core._disk import set_aside as files
from experimentframework_core._disk.journal import Journal, Lost, Opened, Row
from experimentframework_core._disk.salvage import Salvage
from experimentframework_core.errors import JournalError
from tests.core.disk._journals import (
    commit,
    content,
    damaged_folders,
    execute,
    filled,
    killed,
    names,
    opened,
    overwrite,
    page_size,
    place_of,
    root_page,
    row,
    rows,
    want,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


async def _open(folder: Path) -> Opened:
    journal = Journal(folder)
    try:
        return await journal.open()
    finally:
        await journal.aclose()


async def _read(folder: Path) -> tuple[list[Row], Lost | None]:
    journal = Journal(folder)
    opening = await journal.open()
    turn = await journal.turn(None, [want()])
    await journal.aclose()
    assert turn.error is None
    return list(turn.pages[0].rows), turn.lost or opening.lost


def _without(*numbers: int, last: int) -> list[Row]:
    return [each for each in rows(1, last) if each.sequence not in numbers]


async def test_a_wrong_body_is_quarantined_and_never_delivered(folder: Path) -> None:
    """Given a body with one byte changed, When read, Then all others come, and it is put aside."""
    path = await filled(folder, commit(rows(1, 100)))
    overwrite(path, place_of(path, row(42).body) + 3, b"!")

    found, lost = await _read(folder)

    assert found == _without(42, last=100)
    assert lost is not None
    assert (lost.ranges, lost.quarantined) == ([(42, 42)], 1)
    [(sequence, body)] = execute(path, "SELECT sequence, body FROM quarantine")
    assert (sequence, body.count(b"!")) == (42, 1)


async def test_the_damaged_files_are_copied_first(folder: Path) -> None:
    """Given a damaged file, When it is read, Then a copy of it is in the folder that is named."""
    path = await filled(folder, commit(rows(1, 100)))
    overwrite(path, place_of(path, row(42).body), b"!")
    damaged = path.read_bytes()

    _, lost = await _read(folder)

    [copy] = damaged_folders(folder)
    assert lost is not None
    assert lost.copy == str(copy)
    assert (copy / path.name).read_bytes() == damaged


async def test_damage_is_found_once(folder: Path) -> None:
    """Given a journal that was salvaged, When opened again, Then it is whole, and goes on."""
    path = await filled(folder, commit(rows(1, 100)))
    overwrite(path, place_of(path, row(42).body), b"!")
    await _read(folder)

    async with opened(folder) as journal:
        turn = await journal.turn(commit(rows(101, 110), bytes=1), [want()])

    assert turn.lost is None
    assert turn.pages[0].rows == _without(42, last=110)
    assert len(damaged_folders(folder)) == 1


async def test_a_lost_page_costs_only_its_own_rows(folder: Path) -> None:
    """Given a page that is blank, When read, Then the rows of the other pages come."""
    path = await filled(folder, commit(rows(1, 500)))
    page = place_of(path, row(250).body) // page_size * page_size
    overwrite(path, page, bytes(page_size))

    found, lost = await _read(folder)

    assert lost is not None
    [(first, last)] = lost.ranges
    assert first <= 250 <= last
    assert found == _without(*range(first, last + 1), last=500)
    assert last - first < 100


async def test_the_page_that_leads_to_all_others_costs_nothing(folder: Path) -> None:
    """Given a blank root page of the rows, When read, Then every row comes."""
    path = await filled(folder, commit(rows(1, 500)))
    overwrite(path, root_page(path, "events"), bytes(page_size))

    found, lost = await _read(folder)

    assert found == rows(1, 500)
    assert lost is not None
    assert lost.ranges == []


async def test_a_key_that_leads_astray_hides_no_row(folder: Path) -> None:
    """Given a root page with wrong keys, When rows are read by lane or not, Then all come."""
    path = await filled(folder, commit(rows(1, 500)))
    root = root_page(path, "events")
    page = path.read_bytes()[root : root + page_size]
    cell = int.from_bytes(page[12:14], "big")
    overwrite(path, root + cell + 4, b"\x00")

    found, _ = await _read(folder)

    assert found == rows(1, 500)


@pytest.mark.parametrize("start", [0, 16, 18, 44, 56, 100, 108])
async def test_a_damaged_first_page_costs_nothing(folder: Path, start: int) -> None:
    """Given a first page that SQLite cannot use, When opened, Then every row comes."""
    path = await filled(folder, commit(rows(1, 500)))
    overwrite(path, start, b"\xee" * 4)

    found = await content(folder)

    assert found == rows(1, 500)


async def test_rows_on_several_pages_are_kept(folder: Path) -> None:
    """Given large bodies and a damaged state, When opened, Then they come as a whole."""
    large = [row(number, os.urandom(20_000)) for number in range(1, 8)]
    path = await filled(folder, commit(large))
    overwrite(path, root_page(path, "state"), b"\0")

    found = await content(folder)

    assert found == large


async def test_without_the_state_nothing_below_the_first_row_is_due(folder: Path) -> None:
    """Given a damaged state, When opened, Then the rows say where the journal begins and ends."""
    path = await filled(folder, commit(rows(1, 100)), commit((), 100, 41, trim=[(1, 40)], bytes=1))
    execute(path, "UPDATE state SET below = 7")

    found = await _open(folder)

    assert (found.below, found.last, found.recovered) == (41, 100, 60)
    assert found.bytes == sum(len(each.body) for each in rows(41, 100))
    assert found.lost is not None
    assert found.lost.ranges == []


async def test_in_a_damaged_block_nothing_counts_as_settled(folder: Path) -> None:
    """Given a damaged block, When opened, Then its rows are delivered again, not lost."""
    bits = (0b1111000).to_bytes(512, "little")
    path = await filled(folder, commit(rows(1, 20), blocks={0: bits}))
    execute(path, "UPDATE blocks SET bits = zeroblob(512)")

    found = await content(folder)

    assert found == rows(1, 20)


async def test_settled_rows_do_not_come_back(folder: Path) -> None:
    """Given settled rows, some of them trimmed, When salvaged, Then only the others are kept."""
    bits = (0b1111 << 50).to_bytes(512, "little")
    path = await filled(
        folder, commit(rows(1, 100)), commit((), 100, 31, trim=[(1, 20)], blocks={0: bits})
    )
    overwrite(path, place_of(path, row(80).body), b"!")

    found, lost = await _read(folder)

    assert found == [each for each in _without(80, *range(50, 54), last=100) if each.sequence > 30]
    assert lost is not None
    assert lost.ranges == [(80, 80)]


async def test_a_commit_that_meets_damage_is_written(folder: Path) -> None:
    """Given a damaged page on the way, When a commit comes, Then it is in the salvaged file."""
    path = await filled(folder, commit(rows(1, 500)))
    root = root_page(path, "events")
    async with opened(folder) as journal:
        overwrite(path, root, bytes(page_size))
        turn = await journal.turn(commit(rows(501, 510)), [want()])

    assert turn.error is None
    assert turn.committed
    assert turn.pages[0].rows == rows(1, 510)


async def test_commits_behind_a_damaged_part_of_the_log_are_kept(folder: Path) -> None:
    """Given a log that SQLite would cut off, When opened, Then what stands behind comes too."""
    path = await killed(folder, *(commit(rows(n, n + 9)) for n in range(1, 100, 10)))
    log = path.with_name(f"{path.name}-wal")
    overwrite(log, place_of(log, row(42).body), b"!")

    found = await _open(folder)

    assert found.cut
    assert found.lost is not None
    assert (found.ends_at, found.lost.ranges) == (100, [])
    assert await content(folder) == rows(1, 100)
    assert (damaged_folders(folder)[0] / log.name).exists()


async def test_a_torn_tail_is_no_damage(folder: Path) -> None:
    """Given a last commit that is half written, When opened, Then the others are there."""
    path = await killed(folder, *(commit(rows(n, n + 9)) for n in range(1, 50, 10)))
    log = path.with_name(f"{path.name}-wal")
    os.truncate(log, log.stat().st_size - 300)

    found = await _open(folder)

    assert (found.last, found.cut, found.lost) == (40, False, None)
    assert not damaged_folders(folder)


@pytest.mark.parametrize("reached", [1, 2])
async def test_a_salvage_that_is_interrupted_is_done_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reached: int
) -> None:
    """Given a process that ends in the middle of a salvage, When opened, Then nothing is lost."""
    path = await filled(folder, commit(rows(1, 100)))
    overwrite(path, place_of(path, row(42).body), b"!")
    monkeypatch.setattr(_failpoints, "on_reach", _end_at(reached))
    async with opened(folder) as journal:
        with pytest.raises(KeyboardInterrupt):
            await journal.turn(None, [want()])
    monkeypatch.undo()

    found, _ = await _read(folder)

    assert found == _without(42, last=100)
    assert not [name for name in names(folder) if name.endswith((".new", ".salvaged"))]


@pytest.mark.parametrize("reached", [1, 2])
async def test_a_damaged_log_outlives_an_interrupted_salvage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reached: int
) -> None:
    """Given a log that is cut, When its salvage is interrupted, Then what it holds still comes."""
    path = await killed(folder, *(commit(rows(n, n + 9)) for n in range(1, 100, 10)))
    log = path.with_name(f"{path.name}-wal")
    overwrite(log, place_of(log, row(42).body), b"!")
    monkeypatch.setattr(_failpoints, "on_reach", _end_at(reached))
    with pytest.raises(KeyboardInterrupt):
        await _open(folder)
    monkeypatch.undo()

    found = await content(folder)

    assert found == rows(1, 100)
    assert [name for name in names(folder) if not name.startswith("damaged-")] == [path.name]


async def test_a_log_without_its_file_is_read(folder: Path) -> None:
    """Given a log whose file was removed, When opened, Then the rows that it holds come."""
    path = await killed(folder, *(commit(rows(n, n + 9)) for n in range(1, 50, 10)))
    path.unlink()

    found = await content(folder)

    assert found == rows(1, 50)


def _end_at(count: int) -> Callable[[str], None]:
    reached = []

    def end(name: str) -> None:
        reached.append(name)
        if name == "journal.in_salvage" and reached.count(name) == count:
            raise KeyboardInterrupt

    return end


class TestWithoutRoom:
    """A disk that has no room for a copy."""

    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        def copy(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(shutil, "copyfile", copy)
        return monkeypatch

    async def test_the_files_are_moved_instead(
        self, folder: Path, full: pytest.MonkeyPatch
    ) -> None:
        """Given no room for a copy, When salvaged, Then the damaged files are moved aside."""
        path = await filled(folder, commit(rows(1, 100)))
        overwrite(path, place_of(path, row(42).body), b"!")

        found, lost = await _read(folder)

        assert found == _without(42, last=100)
        [copy] = damaged_folders(folder)
        assert lost is not None
        assert lost.copy == str(copy)
        assert names(copy) == [path.name]

    async def test_a_new_file_that_does_not_fit_either_is_tried_again(
        self, folder: Path, full: pytest.MonkeyPatch
    ) -> None:
        """Given no room at all, When room is made, Then the next turn, or opening, has the rows."""
        path = await filled(folder, commit(rows(1, 100)))
        overwrite(path, place_of(path, row(42).body), b"!")
        make_new = Salvage._make_new

        def fail(_: Salvage) -> Any:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(Salvage, "_make_new", fail)
        async with opened(folder) as journal:
            turns = [await journal.turn(commit(rows(101, 102)), [want()]) for _ in range(2)]
        with pytest.raises(JournalError, match="make room"):
            await Journal(folder).open()
        full.setattr(Salvage, "_make_new", make_new)

        found = await content(folder)

        assert all(turn.error for turn in turns)
        assert [turn.committed for turn in turns] == [True, False]  # the damage was met behind it
        assert found == _without(42, last=102)
        assert [each.suffix for each in damaged_folders(folder)] == [""]


def test_two_copies_of_one_second_have_two_names(folder: Path) -> None:
    """Given damage twice in a second, When copied, Then neither copy replaces the other."""
    folder.mkdir()
    path = folder / "journal.db"
    path.write_bytes(b"1")

    def now() -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    copies = [files.copy_aside(path, now), files.copy_aside(path, now)]

    assert [copy.name for copy in copies] == [
        "damaged-20260102T030405Z",
        "damaged-20260102T030405Z-2",
    ]


async def test_numbers_out_of_nowhere_are_not_believed(folder: Path) -> None:
    """Given a row whose number was changed, When read, Then it is lost under its own number."""
    path = await filled(folder, commit(rows(1, 20)))
    execute(path, "UPDATE events SET sequence = 4000000000000 WHERE sequence = 7")

    found = await _open(folder)

    assert found.last == 20
    assert found.lost is not None
    assert found.lost.ranges == [(7, 7)]


async def test_an_earlier_quarantine_is_carried_over(folder: Path) -> None:
    """Given rows in quarantine, When the file is salvaged again, Then they are still there."""
    path = await filled(folder, commit(rows(1, 100)))
    for number in (42, 77):
        overwrite(path, place_of(path, row(number).body), b"!")
        await _read(folder)

    kept = execute(path, "SELECT sequence FROM quarantine ORDER BY sequence")

    assert kept == [(42,), (77,)]
