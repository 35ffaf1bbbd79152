"""One connection in one thread: opening, order, cancellation, transactions, forks."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._sqlite.database import Database, transaction
from experimentframework_core.errors import UnavailableError
from tests.core.sqlite._numbers import (
    Gate,
    begun_for,
    insert,
    is_there,
    numbers,
    prepare_numbers,
    stored,
)

if TYPE_CHECKING:
    from pathlib import Path


async def test_nothing_is_opened_before_the_first_use(path: Path) -> None:
    """A database that is not used makes no file and no thread."""
    before = set(threading.enumerate())

    async with Database(path, prepare=prepare_numbers):
        begun = begun_for(path, since=before)

    assert not is_there(path)
    assert begun == []


async def test_parent_folders_are_made(tmp_path: Path) -> None:
    """Opening makes the folders that are missing."""
    path = tmp_path / "a" / "b" / "numbers.db"

    async with Database(path, prepare=prepare_numbers) as database:
        await database.run(partial(insert, 1), doing="write to")

    assert is_there(path)


async def test_a_file_that_must_exist_is_not_made(tmp_path: Path) -> None:
    """With ``create=False`` a missing file is an error that says what was attempted, and where."""
    path = tmp_path / "missing" / "numbers.db"

    async with Database(path, prepare=prepare_numbers, create=False) as database:
        with pytest.raises(UnavailableError, match=rf"cannot read {path}: there is no such file"):
            await database.run(numbers, doing="read")

    assert not path.parent.exists()


async def test_all_work_is_done_in_one_other_thread(database: Database) -> None:
    """Every piece of work has the same thread, which is not the loop's."""
    threads = {
        await database.run(lambda _: threading.get_ident(), doing="look at") for _ in range(5)
    }

    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "x#y.db", "é.db", ":memory:"])
async def test_any_file_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Characters that mean something to a URI, or to SQLite, are part of the name."""
    async with Database(tmp_path / name, prepare=prepare_numbers) as database:
        await database.run(partial(insert, 1), doing="write to")

    assert (tmp_path / name).is_file()


async def test_a_file_system_of_the_past_is_shared_by_a_rollback_journal(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WAL is used from the first SQLite version on that has no WAL-reset bug."""
    mode = partial(_pragma, "journal_mode")

    found = await database.run(mode, doing="look at")

    assert found == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "persist")


async def test_commits_are_synced(database: Database) -> None:
    """A commit waits for the disk: ``synchronous`` is FULL."""
    found = await database.run(partial(_pragma, "synchronous"), doing="look at")

    assert found == 2


def _pragma(name: str, connection: sqlite3.Connection) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_cancelled_work_never_overlaps_the_next(database: Database) -> None:
    """What runs when its caller is cancelled ends before the next begins."""
    gate = Gate()
    cancelled = asyncio.create_task(database.run(gate.work, doing="write to"))
    await gate.has_begun()

    cancelled.cancel()
    following = asyncio.create_task(database.run(numbers, doing="read"))
    await asyncio.sleep(0)
    was_early = following.done()
    gate.may_end.set()

    assert await following == [1]
    assert not was_early
    assert cancelled.cancelled()


async def test_work_that_has_not_begun_is_cancelled_for_good(database: Database) -> None:
    """Work that waits for the thread and is cancelled is never done."""
    gate = Gate()
    running = asyncio.create_task(database.run(gate.work, doing="write to"))
    await gate.has_begun()
    waiting = asyncio.create_task(database.run(partial(insert, 2), doing="write to"))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.sleep(0)
    gate.may_end.set()
    await running

    assert await database.run(numbers, doing="read") == [1]


async def test_a_transaction_left_open_is_rolled_back_before_the_next_work(
    database: Database,
) -> None:
    """Work that leaves a transaction open loses it, and harms nobody else."""

    def leave_open(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO numbers VALUES (1)")

    await database.run(leave_open, doing="write to")

    await database.run(partial(insert, 2), doing="write to")

    assert await database.run(numbers, doing="read") == [2]


async def test_a_transaction_is_rolled_back_by_any_error(database: Database) -> None:
    """An error inside a transaction passes through, and nothing of it is stored."""

    def fail(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (1)")
            raise LookupError

    with pytest.raises(LookupError):
        await database.run(fail, doing="write to")

    assert await database.run(numbers, doing="read") == []


def test_a_forked_child_harms_nothing(path: Path) -> None:
    """A child that inherits a connection neither uses nor closes it.

    Closing it would remove the write-ahead log in which the parent's later commits are.
    """
    program = textwrap.dedent("""
        import asyncio, os, sys
        from experimentframework_core._sqlite.database import Database, transaction
        from experimentframework_core.errors import UnavailableError

        def prepare(connection):
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)")

        def insert(connection):
            with transaction(connection):
                connection.execute("INSERT INTO numbers VALUES (1)")

        database = Database(sys.argv[1], prepare=prepare)
        asyncio.run(database.run(insert, doing="write to"))
        child = os.fork()
        if not child:
            try:
                asyncio.run(database.run(insert, doing="write to"))
            except UnavailableError:
                sys.exit(7)
        _, status = os.waitpid(child, 0)
        asyncio.run(database.run(insert, doing="write to"))
        os._exit(os.waitstatus_to_exitcode(status))
    """)

    done = subprocess.run([sys.executable, "-c", program, path], timeout=250, check=False)

    assert done.returncode == 7
    assert stored(path) == [1, 1]


def test_importing_does_not_load_sqlite() -> None:
    """The driver is loaded by the first use, not by the import."""
    program = (
        "import sys; import experimentframework_core.deadletter; print('sqlite3' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True
    )

    assert done.stdout.strip() == "False"
