"""What goes wrong with a file: each error by the table, with what to do."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._sqlite import database as sqlite_database
from experimentframework_core._sqlite.database import Database, transaction
from experimentframework_core._sqlite.errors import translate, translate_os_error
from experimentframework_core.errors import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from tests.core.sqlite._numbers import insert, is_there, numbers, prepare_numbers

if TYPE_CHECKING:
    from pathlib import Path


def remove(path: Path) -> None:
    path.unlink()


def write(path: Path, text: str) -> None:
    path.write_text(text)


def content(path: Path) -> str:
    return path.read_text()


async def test_a_lock_that_stays_is_transient(
    path: Path, locked: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another process keeps locked is an error for now; it heals."""
    monkeypatch.setattr(sqlite_database, "busy_timeout", 0.0)
    async with Database(path, prepare=prepare_numbers) as database:
        with pytest.raises(TransientError, match=r"SQLITE_BUSY.*another process is using it"):
            await database.run(partial(insert, 1), doing="write to")

        locked.rollback()
        await database.run(partial(insert, 1), doing="write to")

        assert await database.run(numbers, doing="read") == [1]


async def test_a_file_that_was_moved_away_is_made_anew(database: Database, path: Path) -> None:
    """A file that is deleted while it is open costs one error, not a restart."""
    await database.run(partial(insert, 1), doing="write to")
    remove(path)

    with pytest.raises(TransientError, match=r"cannot write to .*SQLITE_IOERR|READONLY"):
        await database.run(partial(insert, 2), doing="write to")
    await database.run(partial(insert, 2), doing="write to")

    assert await database.run(numbers, doing="read") == [2]
    assert is_there(path)


async def test_a_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    """A folder cannot be opened as a database."""
    async with Database(tmp_path, prepare=prepare_numbers) as database:
        with pytest.raises(UnavailableError, match=r"SQLITE_CANTOPEN"):
            await database.run(numbers, doing="read")


async def test_a_file_in_place_of_the_folder_is_unavailable(tmp_path: Path) -> None:
    """Parent folders that cannot be made are an error that names the path."""
    (tmp_path / "file").write_text("")

    async with Database(tmp_path / "file" / "x.db", prepare=prepare_numbers) as database:
        with pytest.raises(UnavailableError, match=r"cannot read .*x\.db: .*check that the path"):
            await database.run(numbers, doing="read")


async def test_a_file_system_that_takes_no_files_is_unavailable() -> None:
    """Not even root can make a file in /proc."""
    async with Database("/proc/events.db", prepare=prepare_numbers) as database:
        with pytest.raises(UnavailableError, match=r"cannot read /proc/events\.db"):
            await database.run(numbers, doing="read")


async def test_another_kind_of_file_is_unavailable(path: Path) -> None:
    """A text file is no database, and stays as it is."""
    write(path, "something else entirely\n" * 100)

    async with Database(path, prepare=prepare_numbers) as database:
        with pytest.raises(UnavailableError, match=r"SQLITE_NOTADB.*choose another path"):
            await database.run(numbers, doing="read")

    assert content(path).startswith("something else")


async def test_a_database_that_may_only_be_read_is_unavailable(path: Path) -> None:
    """A write to a connection that may not write is an error that says what to look at."""

    def prepare(connection: sqlite3.Connection) -> None:
        prepare_numbers(connection)
        connection.execute("PRAGMA query_only=ON")

    async with Database(path, prepare=prepare) as database:
        with pytest.raises(UnavailableError, match=r"SQLITE_READONLY.*may be written"):
            await database.run(partial(insert, 1), doing="write to")


async def test_a_value_that_sqlite_refuses_is_permanent(database: Database) -> None:
    """What Python's driver cannot hand over will never be stored: the others may be."""

    def insert_an_object(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (?)", (object(),))

    with pytest.raises(PermanentError, match="can never be stored"):
        await database.run(insert_an_object, doing="write to")

    await database.run(partial(insert, 1), doing="write to")


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
