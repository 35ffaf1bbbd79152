"""A database closes in time, whatever its thread is doing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._sqlite import database as sqlite_database
from experimentframework_core._sqlite.database import Database
from experimentframework_core.errors import TransientError, UnavailableError
from tests.core.sqlite._numbers import Gate, begun_for, insert, numbers, prepare_numbers, stored

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


async def test_closing_waits_for_running_work(path: Path) -> None:
    """What was begun when the database is closed is still committed."""
    database = Database(path, prepare=prepare_numbers)
    gate = Gate()
    running = asyncio.create_task(database.run(gate.work, doing="write to"))
    await gate.has_begun()

    closing_task = asyncio.create_task(database.aclose())
    await asyncio.sleep(0)
    gate.may_end.set()
    await closing_task
    await running

    assert stored(path) == [1]


async def test_closing_interrupts_work_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that runs for ever does not keep the database from closing."""
    monkeypatch.setattr(sqlite_database, "close_timeout", 0.0)
    database = Database(path, prepare=prepare_numbers)
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
    database = Database(path, prepare=prepare_numbers)
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
    await database.run(partial(insert, 1), doing="write to")

    await database.aclose()
    await database.aclose()

    with pytest.raises(UnavailableError, match=r"cannot read .*: the connection is closed"):
        await database.run(numbers, doing="read")


async def test_a_cancelled_task_closes_its_database(path: Path) -> None:
    """``async with`` closes the file and ends the thread when its task is cancelled."""
    began = asyncio.Event()

    async def use() -> None:
        async with Database(path, prepare=prepare_numbers) as database:
            await database.run(partial(insert, 1), doing="write to")
            began.set()
            await asyncio.Event().wait()

    before = set(threading.enumerate())
    task = asyncio.create_task(use())
    await began.wait()
    begun = begun_for(path, since=before)

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert len(begun) == 1
    assert begun_for(path, since=before) == []
    assert stored(path) == [1]


def _endless(began: threading.Event, connection: sqlite3.Connection) -> None:
    began.set()
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    ).fetchone()
