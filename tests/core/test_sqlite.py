"""One connection in one thread: order, cancellation, closing, forks, errors by the table."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._sqlite import database as sqlite_database
from experimentframework_core._sqlite.database import Database, share, transaction
from experimentframework_core._sqlite.errors import translate, translate_os_error
from experimentframework_core._sqlite.schema import Schema
from experimentframework_core.errors import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


def _prepare(connection: sqlite3.Connection) -> None:
    share(connection)
    connection.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)")


def _insert(number: int, connection: sqlite3.Connection) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))


def _numbers(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT number FROM numbers")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "numbers.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with Database(path, prepare=_prepare) as database:
        yield database


@pytest.fixture
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Give another connection, which holds the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        _prepare(connection)
        connection.execute("BEGIN EXCLUSIVE")
        yield connection


def is_there(path: Path) -> bool:
    return path.is_file()


def remove(path: Path) -> None:
    path.unlink()


def write(path: Path, text: str) -> None:
    path.write_text(text)


def content(path: Path) -> str:
    return path.read_text()


class Gate:
    """Work that begins, says so, and ends when it may."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.may_end = threading.Event()

    def work(self, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (1)")
            self.began.set()
            self.may_end.wait(10)

    async def has_begun(self) -> None:
        await asyncio.to_thread(self.began.wait, 10)


async def test_nothing_is_opened_before_the_first_use(path: Path) -> None:
    """A database that is not used makes no file and no thread."""
    threads = threading.active_count()

    async with Database(path, prepare=_prepare):
        pass

    assert not is_there(path)
    assert threading.active_count() == threads


async def test_parent_folders_are_made(tmp_path: Path) -> None:
    """Opening makes the folders that are missing."""
    path = tmp_path / "a" / "b" / "numbers.db"

    async with Database(path, prepare=_prepare) as database:
        await database.run(partial(_insert, 1), doing="write to")

    assert is_there(path)


async def test_a_file_that_must_exist_is_not_made(tmp_path: Path) -> None:
    """With ``create=False`` a missing file is an error that says what was attempted, and where."""
    path = tmp_path / "missing" / "numbers.db"

    async with Database(path, prepare=_prepare, create=False) as database:
        with pytest.raises(UnavailableError, match=rf"cannot read {path}: there is no such file"):
            await database.run(_numbers, doing="read")

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
    async with Database(tmp_path / name, prepare=_prepare) as database:
        await database.run(partial(_insert, 1), doing="write to")

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
    following = asyncio.create_task(database.run(_numbers, doing="read"))
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
    waiting = asyncio.create_task(database.run(partial(_insert, 2), doing="write to"))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.sleep(0)
    gate.may_end.set()
    await running

    assert await database.run(_numbers, doing="read") == [1]


async def test_a_transaction_left_open_is_rolled_back_before_the_next_work(
    database: Database,
) -> None:
    """Work that leaves a transaction open loses it, and harms nobody else."""

    def leave_open(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO numbers VALUES (1)")

    await database.run(leave_open, doing="write to")

    await database.run(partial(_insert, 2), doing="write to")

    assert await database.run(_numbers, doing="read") == [2]


async def test_a_transaction_is_rolled_back_by_any_error(database: Database) -> None:
    """An error inside a transaction passes through, and nothing of it is stored."""

    def fail(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (1)")
            raise LookupError

    with pytest.raises(LookupError):
        await database.run(fail, doing="write to")

    assert await database.run(_numbers, doing="read") == []


async def test_a_lock_that_stays_is_transient(
    path: Path, locked: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another process keeps locked is an error for now; it heals."""
    monkeypatch.setattr(sqlite_database, "busy_timeout", 0.0)
    async with Database(path, prepare=_prepare) as database:
        with pytest.raises(TransientError, match=r"SQLITE_BUSY.*another process is using it"):
            await database.run(partial(_insert, 1), doing="write to")

        locked.rollback()
        await database.run(partial(_insert, 1), doing="write to")

        assert await database.run(_numbers, doing="read") == [1]


async def test_a_file_that_was_moved_away_is_made_anew(database: Database, path: Path) -> None:
    """A file that is deleted while it is open costs one error, not a restart."""
    await database.run(partial(_insert, 1), doing="write to")
    remove(path)

    with pytest.raises(TransientError, match=r"cannot write to .*SQLITE_IOERR|READONLY"):
        await database.run(partial(_insert, 2), doing="write to")
    await database.run(partial(_insert, 2), doing="write to")

    assert await database.run(_numbers, doing="read") == [2]
    assert is_there(path)


async def test_a_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    """A folder cannot be opened as a database."""
    async with Database(tmp_path, prepare=_prepare) as database:
        with pytest.raises(UnavailableError, match=r"SQLITE_CANTOPEN"):
            await database.run(_numbers, doing="read")


async def test_a_file_in_place_of_the_folder_is_unavailable(tmp_path: Path) -> None:
    """Parent folders that cannot be made are an error that names the path."""
    (tmp_path / "file").write_text("")

    async with Database(tmp_path / "file" / "x.db", prepare=_prepare) as database:
        with pytest.raises(UnavailableError, match=r"cannot read .*x\.db: .*check that the path"):
            await database.run(_numbers, doing="read")


async def test_a_file_system_that_takes_no_files_is_unavailable() -> None:
    """Not even root can make a file in /proc."""
    async with Database("/proc/events.db", prepare=_prepare) as database:
        with pytest.raises(UnavailableError, match=r"cannot read /proc/events\.db"):
            await database.run(_numbers, doing="read")


async def test_another_kind_of_file_is_unavailable(path: Path) -> None:
    """A text file is no database, and stays as it is."""
    write(path, "something else entirely\n" * 100)

    async with Database(path, prepare=_prepare) as database:
        with pytest.raises(UnavailableError, match=r"SQLITE_NOTADB.*choose another path"):
            await database.run(_numbers, doing="read")

    assert content(path).startswith("something else")


async def test_a_database_that_may_only_be_read_is_unavailable(path: Path) -> None:
    """A write to a connection that may not write is an error that says what to look at."""

    def prepare(connection: sqlite3.Connection) -> None:
        _prepare(connection)
        connection.execute("PRAGMA query_only=ON")

    async with Database(path, prepare=prepare) as database:
        with pytest.raises(UnavailableError, match=r"SQLITE_READONLY.*may be written"):
            await database.run(partial(_insert, 1), doing="write to")


async def test_a_value_that_sqlite_refuses_is_permanent(database: Database) -> None:
    """What Python's driver cannot hand over will never be stored: the others may be."""

    def insert(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (?)", (object(),))

    with pytest.raises(PermanentError, match="can never be stored"):
        await database.run(insert, doing="write to")

    await database.run(partial(_insert, 1), doing="write to")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY", TransientError),
        ("SQLITE_BUSY_SNAPSHOT", TransientError),
        ("SQLITE_FULL", TransientError),
        ("SQLITE_IOERR_FSYNC", TransientError),
        ("SQLITE_IOERR_WRITE", TransientError),
        ("SQLITE_INTERRUPT", TransientError),
        ("SQLITE_READONLY_DBMOVED", UnavailableError),
        ("SQLITE_CORRUPT", UnavailableError),
        ("SQLITE_NOTADB", UnavailableError),
        ("SQLITE_ERROR", UnavailableError),
        ("SQLITE_CONSTRAINT_UNIQUE", PermanentError),
        ("SQLITE_TOOBIG", PermanentError),
        ("SQLITE_NOLFS", UnavailableError),
    ],
)
def test_errors_are_translated_by_a_table(name: str, kind: type[DeliveryError], path: Path) -> None:
    """Each of SQLite's codes, also an extended or unexpected one, has its meaning."""
    error = sqlite3.OperationalError("text of SQLite")
    error.sqlite_errorcode = getattr(sqlite3, name)
    error.sqlite_errorname = name

    translated = translate(error, "write to", path)

    assert type(translated) is kind
    assert str(translated).startswith(f"cannot write to {path}: text of SQLite ({name}); ")


def test_a_folder_that_does_not_fit_on_the_disk_is_transient(path: Path) -> None:
    """A full disk is an error for now, also where it is the folder that cannot be made."""
    error = OSError(28, os.strerror(28))

    translated = translate_os_error(error, "write to", path)

    assert type(translated) is TransientError


async def test_closing_waits_for_running_work(path: Path) -> None:
    """What was begun when the database is closed is still committed."""
    database = Database(path, prepare=_prepare)
    gate = Gate()
    running = asyncio.create_task(database.run(gate.work, doing="write to"))
    await gate.has_begun()

    closing_task = asyncio.create_task(database.aclose())
    await asyncio.sleep(0)
    gate.may_end.set()
    await closing_task
    await running

    assert _stored(path) == [1]


async def test_closing_interrupts_work_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that runs for ever does not keep the database from closing."""
    monkeypatch.setattr(sqlite_database, "close_timeout", 0.0)
    database = Database(path, prepare=_prepare)
    began = threading.Event()
    running = asyncio.create_task(database.run(partial(_endless, began), doing="count"))
    await asyncio.to_thread(began.wait, 10)

    await database.aclose()

    with pytest.raises(TransientError, match="interrupted"):
        await running


async def test_closing_leaves_a_thread_that_hangs_behind_with_a_warning(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Work that hangs outside of SQLite is named in a warning, and closing ends."""
    monkeypatch.setattr(sqlite_database, "close_timeout", 0.0)
    monkeypatch.setattr(sqlite_database, "_interrupt_interval", 0.0)
    database = Database(path, prepare=_prepare)
    gate = Gate()
    running = asyncio.create_task(database.run(gate.work, doing="write to"))
    await gate.has_begun()

    await database.aclose()
    gate.may_end.set()
    await running

    assert "experimentframework.database_left_open" in caplog.text
    assert str(path) in caplog.text


async def test_closing_twice_is_closing_once(database: Database) -> None:
    """A database can be closed again; using it then is an error that says so."""
    await database.run(partial(_insert, 1), doing="write to")

    await database.aclose()
    await database.aclose()

    with pytest.raises(UnavailableError, match=r"cannot read .*: the connection is closed"):
        await database.run(_numbers, doing="read")


async def test_a_cancelled_task_closes_its_database(path: Path) -> None:
    """``async with`` closes the file and ends the thread when its task is cancelled."""
    began = asyncio.Event()

    async def use() -> None:
        async with Database(path, prepare=_prepare) as database:
            await database.run(partial(_insert, 1), doing="write to")
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    await began.wait()

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert not [thread for thread in threading.enumerate() if path.name in thread.name]
    assert _stored(path) == [1]


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

    done = subprocess.run([sys.executable, "-c", program, path], timeout=50, check=False)

    assert done.returncode == 7
    assert _stored(path) == [1, 1]


def test_importing_does_not_load_sqlite() -> None:
    """The driver is loaded by the first use, not by the import."""
    program = (
        "import sys; import experimentframework_core.deadletter; print('sqlite3' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True
    )

    assert done.stdout.strip() == "False"


class TestSchema:
    """The marks by which a file is known again."""

    schema = Schema("number store", 0x4E756D62, 1, ("CREATE TABLE numbers (number INTEGER)",))

    def test_an_empty_file_gets_the_tables(self, path: Path) -> None:
        """A new file has the tables and marks, and is accepted when it is opened again."""
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            self.schema.create(connection, path)
            self.schema.create(connection, path)
            self.schema.check(connection, path)

            assert _numbers(connection) == []

    def test_a_foreign_database_is_refused_and_left_alone(self, path: Path) -> None:
        """A database with tables of its own is not ours."""
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE customers (name TEXT)")

            with pytest.raises(UnavailableError, match=r"no number store.*choose another path"):
                self.schema.create(connection, path)

            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [
                ("customers",)
            ]

    def test_a_newer_version_is_refused(self, path: Path) -> None:
        """A file that a later version wrote is left alone; the message says to upgrade."""
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            self.schema._replace(version=2).create(connection, path)

            with pytest.raises(UnavailableError, match=r"has version 2.* knows version 1; upgrade"):
                self.schema.create(connection, path)

    def test_a_former_version_is_upgraded_step_by_step(self, path: Path) -> None:
        """A file of any former version gets what has come since, once."""
        steps = {1: ("INSERT INTO numbers VALUES (1)",), 2: ("INSERT INTO numbers VALUES (2)",)}
        newer = self.schema._replace(version=3, upgrades=steps)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            self.schema.create(connection, path)

            newer.check(connection, path)
            newer.create(connection, path)
            newer.create(connection, path)

            assert _numbers(connection) == [1, 2]
            with pytest.raises(UnavailableError, match="has version 3"):
                self.schema.check(connection, path)

    def test_an_upgrade_that_fails_changes_nothing(self, path: Path) -> None:
        """The file is as it was, and can be upgraded later."""
        steps = {1: ("INSERT INTO numbers VALUES (1)", "CREATE nonsense")}
        newer = self.schema._replace(version=2, upgrades=steps)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            self.schema.create(connection, path)

            with pytest.raises(sqlite3.OperationalError):
                newer.create(connection, path)

            assert _numbers(connection) == []
            self.schema.check(connection, path)

    def test_tables_are_made_as_a_whole_or_not_at_all(self, path: Path) -> None:
        """A statement that fails leaves an empty file, which can be used later."""
        broken = self.schema._replace(statements=(*self.schema.statements, "CREATE nonsense"))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            with pytest.raises(sqlite3.OperationalError):
                broken.create(connection, path)

            self.schema.create(connection, path)

            assert _numbers(connection) == []


def _stored(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return _numbers(connection)


def _endless(began: threading.Event, connection: sqlite3.Connection) -> None:
    began.set()
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    ).fetchone()
