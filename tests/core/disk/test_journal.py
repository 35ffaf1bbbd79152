"""The journal's file: commits as a whole, rows by lane, bounds, closing, errors that say why."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._disk import journal_file, journal_reading
from experimentframework_core._disk.journal import Journal, Page, Want, file_name
from experimentframework_core._disk.journal_data import GoneError
from experimentframework_core._disk.journal_file import schema
from experimentframework_core._sqlite import database as sqlite_database
from experimentframework_core.errors import JournalError, TransientError, UnavailableError
from tests.core.disk._journals import (
    commit,
    content,
    damaged_folders,
    execute,
    filled,
    killed,
    names,
    opened,
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


async def test_a_new_journal_is_empty(folder: Path) -> None:
    """Given no file, When a journal is opened, Then it is made, and says that it is empty."""
    journal = Journal(folder)

    found = await journal.open()
    await journal.aclose()

    assert (found.last, found.below, found.bytes, found.recovered) == (0, 1, 0, 0)
    assert (found.blocks, found.lost, found.ends_at, found.cut) == ({}, None, 0, False)


async def test_nothing_is_made_before_it_is_opened(folder: Path) -> None:
    """Given a journal that is not opened, When it is closed, Then there is no file."""
    journal = Journal(folder)

    await journal.aclose()

    assert not folder.exists()


async def test_what_is_committed_is_read_back(folder: Path) -> None:
    """Given rows with bodies of all kinds, When read, Then they are the same, byte for byte."""
    bodies = [b"", b"\0", b"\xff\xfe\0'\"", "ü".encode(), b"x" * 20_000, b"{}"]
    new = [row(n, body or b"-", slot=n * 700_000_000) for n, body in enumerate(bodies, 1)]
    new[0] = new[0]._replace(body=b"")
    await filled(folder, commit(new))

    found = await content(folder)

    assert found == new


async def test_state_is_known_when_it_is_opened_again(folder: Path) -> None:
    """Given marks above and below, When opened, Then they are there, and what is due is counted."""
    bits = (0b110000).to_bytes(512, "little")
    await filled(folder, commit(rows(1, 9), below=3, blocks={0: bits}, bytes=77))
    journal = Journal(folder)

    found = await journal.open()
    await journal.aclose()

    assert (found.last, found.below, found.blocks, found.bytes) == (9, 3, {0: bits}, 77)
    assert found.recovered == 5


async def test_a_commit_given_again_changes_nothing(folder: Path) -> None:
    """Given a commit whose outcome is unknown, When it is given again, Then each row is once."""
    again = commit(rows(1, 20))

    await filled(folder, again, again)

    assert await content(folder) == rows(1, 20)


async def test_numbers_may_be_left_out(folder: Path) -> None:
    """Given rows delivered before they were written, When read, Then the others come."""
    new = [row(1), row(5), row(6)]
    bits = (0b11100).to_bytes(512, "little")

    await filled(folder, commit(new, below=1, blocks={0: bits}))

    assert await content(folder) == new


async def test_trimmed_rows_are_gone_and_blocks_too(folder: Path) -> None:
    """Given settled ranges, When trimmed, Then only the other rows are in the file."""
    bits = (0b1).to_bytes(512, "little")
    path = await filled(
        folder,
        commit(rows(1, 30), blocks={1: bits, 2: bits}),
        commit((), 30, 11, trim=[(1, 5), (8, 10)], blocks={1: b""}),
    )

    found = await content(folder)

    assert [each.sequence for each in found] == [6, 7, *range(11, 31)]
    assert execute(path, "SELECT number FROM blocks") == [(2,)]


async def test_pages_are_bounded_by_rows(folder: Path) -> None:
    """Given more rows than are wanted, When read, Then the page says how far it goes."""
    async with opened(folder) as journal:
        turn = await journal.turn(commit(rows(1, 10)), [want(2, most=3)])

    assert turn.pages == (Page(rows(3, 5), 5),)


@pytest.mark.parametrize(("most_bytes", "count"), [(1, 1), (100, 1), (199, 1), (200, 2), (999, 9)])
async def test_pages_are_bounded_by_bytes_but_never_empty(
    folder: Path, most_bytes: int, count: int
) -> None:
    """Given bodies of 100 bytes, When read, Then as many come as fit, and at least one."""
    new = [row(number, b"x" * 100) for number in range(1, 20)]
    async with opened(folder) as journal:
        turn = await journal.turn(commit(new), [Want(0, 0, 1, 1000, most_bytes)])

    assert turn.pages == (Page(new[:count], count),)


async def test_each_lane_gets_its_own_rows(folder: Path) -> None:
    """Given three lanes, When each wants rows, Then all rows come, each in its lane, in order."""
    async with opened(folder) as journal:
        await journal.turn(commit(rows(1, 50)), ())
        turn = await journal.turn(None, [want(lane=lane, lanes=3) for lane in range(3)])

    for lane, page in enumerate(turn.pages):
        assert page.rows == [each for each in rows(1, 50) if each.slot % 3 == lane]
        assert page.through == 50


async def test_a_lane_searches_a_bounded_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a lane without rows for long, When it wants some, Then the page says where to go on."""
    monkeypatch.setattr(journal_reading, "span", 10)
    new = [*(row(number, slot=0) for number in range(1, 40)), row(40, slot=1)]
    async with opened(folder) as journal:
        await journal.turn(commit(new), ())
        found, after = [], 0
        while after < 40:
            turn = await journal.turn(None, [want(after, lane=1, lanes=2)])
            found.append(turn.pages[0])
            assert turn.pages[0].through > after
            after = turn.pages[0].through

    assert len(found) > 2
    assert [each for page in found for each in page.rows] == [new[-1]]


async def test_a_wish_at_the_end_gets_an_empty_page(folder: Path) -> None:
    """Given a lane that has everything, When it wants more, Then there is none."""
    async with opened(folder) as journal:
        turn = await journal.turn(commit(rows(1, 5)), [want(5)])

    assert turn.pages == (Page((), 5),)


async def test_closing_leaves_one_file(folder: Path) -> None:
    """Given commits, When the journal is closed, Then there is no log beside its file."""
    async with opened(folder) as journal:
        await journal.turn(commit(rows(1, 5)), ())
        alive = names(folder)
        await journal.aclose()
        await journal.aclose()

    assert alive == ["journal.db", "journal.db-wal"]
    assert names(folder) == ["journal.db"]


async def test_after_closing_a_turn_says_so(folder: Path) -> None:
    """Given a closed journal, When a commit is given, Then it is not committed, with a reason."""
    await filled(folder)
    journal = Journal(folder)
    await journal.open()
    await journal.aclose()

    turn = await journal.turn(commit(rows(1, 2)), [want()])

    assert isinstance(turn.error, UnavailableError)
    assert not turn.committed
    assert turn.pages == (Page((), 0),)


async def test_a_killed_process_loses_no_commit(folder: Path) -> None:
    """Given what a kill leaves, When opened, Then all that was committed is there."""
    await killed(folder, commit(rows(1, 30)), commit(rows(31, 60)))

    found = await content(folder)

    assert found == rows(1, 60)
    assert not damaged_folders(folder)


@pytest.mark.parametrize(
    ("point", "survives"),
    [
        ("journal.after_write", False),
        ("journal.before_sync", False),
        ("journal.after_commit", True),
    ],
)
async def test_a_commit_is_there_as_a_whole_or_not_at_all(
    folder: Path, point: str, *, survives: bool
) -> None:
    """Given a process that ends at a named point, When opened, Then the commit is there or not."""
    _end_at(folder, point)

    found = await content(folder)

    assert found == rows(1, 20 if survives else 10)


async def test_trimming_is_part_of_the_commit(folder: Path) -> None:
    """Given a process that ends while it trims, When opened, Then every row is there."""
    _end_at(folder, "journal.in_trim")

    found = await content(folder)

    assert found == rows(1, 10)


def _end_at(folder: Path, point: str) -> None:
    program = textwrap.dedent("""
        import asyncio, os, sys
        from pathlib import Path
        from experimentframework_core import _failpoints
        from tests.core.disk._journals import commit, opened, rows

        begun = False

        def end(name):
            if begun and name == sys.argv[2]:
                os._exit(0)

        async def main():
            global begun
            _failpoints.on_reach = end
            async with opened(Path(sys.argv[1])) as journal:
                await journal.turn(commit(rows(1, 10)), ())
                begun = True
                trim = [(1, 3)] if "trim" in sys.argv[2] else []
                await journal.turn(commit(rows(11, 20), trim=trim), ())
            sys.exit(1)

        asyncio.run(main())
    """)
    subprocess.run([sys.executable, "-c", program, folder, point], timeout=250, check=True)


async def test_a_failed_commit_leaves_nothing_and_reading_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a full disk, When a turn is taken, Then nothing is written, and rows are read."""
    async with opened(folder) as journal:
        await journal.turn(commit(rows(1, 5)), ())
        monkeypatch.setattr(journal_file, "write", _on_full_disk)
        failed = await journal.turn(commit(rows(6, 9)), [want()])
        monkeypatch.undo()
        turn = await journal.turn(commit(rows(6, 9)), [want()])

    assert isinstance(failed.error, TransientError)
    assert "cannot write 4 events to" in str(failed.error)
    assert not failed.committed
    assert failed.pages[0].rows == rows(1, 5)
    assert turn.committed
    assert turn.pages[0].rows == rows(1, 9)


class _Counted(sqlite3.Connection):
    executed = 0

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        self.executed += 1
        return super().execute(*statement)


def test_a_commit_is_one_statement(tmp_path: Path) -> None:
    """Given a journal, When a commit is written with all it may have, Then that is one step.

    Between two the thread would wait for a busy interpreter, up to 5 ms each time.
    """
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path, factory=_Counted, isolation_level=None)) as connection:
        journal_file.prepare(path, connection)
        before = connection.executed

        full = commit(rows(1, 20), below=3, blocks={0: bytes(512), 1: b""}, trim=[(1, 2)])
        journal_file.write(connection, full)

        written = connection.executed - before
        found = connection.execute("SELECT min(sequence), count(*) FROM events").fetchone()
    assert (written, found) == (1, (3, 18))


def _on_full_disk(_connection: sqlite3.Connection, _commit: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_journal_is_synced_exclusive_and_without_a_shared_index(folder: Path) -> None:
    """Given an open journal, When its connection is looked at, Then it is as durable as it says."""
    async with opened(folder) as journal:
        found = [await journal._database.run(_pragma(name), doing="look at") for name in _pragmas]

    assert found == list(_pragmas.values())


_pragmas = {"journal_mode": "wal", "synchronous": 2, "locking_mode": "exclusive", "page_size": 4096}


def _pragma(name: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_a_journal_in_use_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a file that another connection keeps locked, When opened, Then the error says so."""
    path = await filled(folder, commit(rows(1, 5)))
    monkeypatch.setattr(sqlite_database, "busy_timeout", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(JournalError, match=rf"cannot open {path}.*another process is using"):
            await Journal(folder).open()

    assert await content(folder) == rows(1, 5)


async def test_something_else_in_its_place_is_refused_and_left_alone(folder: Path) -> None:
    """Given a text file of that name, When opened, Then the error says so; it stays as it is."""
    folder.mkdir()
    path = folder / file_name
    path.write_text("something else entirely\n" * 2000)

    with pytest.raises(JournalError, match=rf"cannot use {path}: .*no SQLite database; choose"):
        await Journal(folder).open()

    assert path.read_text() == "something else entirely\n" * 2000
    assert names(folder) == [file_name]


async def test_another_database_is_refused_and_left_alone(folder: Path) -> None:
    """Given somebody else's database, When opened, Then the error says so; it stays as it is."""
    folder.mkdir()
    path = folder / file_name
    execute(path, "CREATE TABLE customers (name TEXT)")

    with pytest.raises(JournalError, match=r"no journal of experimentframework; choose"):
        await Journal(folder).open()

    assert execute(path, "SELECT name FROM sqlite_master") == [("customers",)]


async def test_a_newer_version_is_refused_and_left_alone(folder: Path) -> None:
    """Given the journal of a later version, When opened, Then the error says to upgrade."""
    path = await filled(folder, commit(rows(1, 5)))
    execute(path, f"PRAGMA user_version={schema.version + 1}")

    with pytest.raises(JournalError, match=r"has version 2.*knows version 1; upgrade"):
        await Journal(folder).open()

    assert execute(path, "SELECT count(*) FROM events") == [(5,)]


async def test_a_folder_that_cannot_be_made_is_refused() -> None:
    """Given a place where no folder can be made, When opened, Then the error says what to check."""
    from pathlib import Path

    with pytest.raises(JournalError, match=r"cannot open /proc/journal/.*check that the path"):
        await Journal(Path("/proc/journal")).open()


async def test_a_cancelled_turn_is_still_a_whole_one(folder: Path) -> None:
    """Given a turn whose caller is cancelled, When the next comes, Then the rows are there once."""
    async with opened(folder) as journal:
        cancelled = asyncio.ensure_future(journal.turn(commit(rows(1, 50)), ()))
        await asyncio.sleep(0)
        cancelled.cancel()
        turn = await journal.turn(commit(rows(1, 50)), [want()])

    assert turn.pages[0].rows == rows(1, 50)


@pytest.mark.parametrize("happens", ["removed", "replaced"])
async def test_nothing_is_committed_to_a_file_that_nobody_finds_again(
    folder: Path, happens: str
) -> None:
    """Given a file that goes away in use, When a commit comes, Then it fails; rows can be read."""
    async with opened(folder) as journal:
        await journal.turn(commit(rows(1, 10)), ())
        journal.path.rename(folder / "elsewhere")
        if happens == "replaced":
            journal.path.write_bytes(b"an older copy")
        turn = await journal.turn(commit(rows(11, 20), last=20), [want()])
        look = await journal.turn(None, ())

    assert (turn.committed, turn.pages[0].rows) == (False, rows(1, 10))
    assert isinstance(turn.error, GoneError)
    assert isinstance(look.error, GoneError)
    assert "restart the process" in str(turn.error)


async def test_the_log_of_an_emptied_file_is_read(folder: Path) -> None:
    """Given a file cut to nothing beside its log, When opened, Then what the log has comes."""
    path = await killed(folder, *(commit(rows(n, n + 9)) for n in range(1, 50, 10)))
    path.write_bytes(b"")

    found = await content(folder)

    assert found == rows(1, 50)
    assert damaged_folders(folder)


async def test_a_file_in_which_nothing_is_needed_makes_room_for_a_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a full disk, When all that is in the file is delivered, Then a new one is begun."""
    async with opened(folder) as journal:
        await journal.turn(commit(rows(1, 500)), ())
        write = journal_file.write

        def on_full_disk(connection: sqlite3.Connection, wanted: Any) -> None:
            if connection.execute("SELECT count(*) FROM events").fetchone() == (500,):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(connection, wanted)

        monkeypatch.setattr(journal_file, "write", on_full_disk)
        half = await journal.turn(commit(rows(501, 502), below=251), ())
        done = await journal.turn(commit(rows(501, 502), below=501), [want(500)])

    assert (half.committed, done.committed, done.error) == (False, True, None)
    assert done.pages[0].rows == rows(501, 502)
    assert await content(folder) == rows(501, 502)
