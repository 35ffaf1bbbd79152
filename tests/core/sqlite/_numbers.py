"""A database of numbers, and work that a test holds up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from experimentframework_core._sqlite.database import share, transaction

if TYPE_CHECKING:
    from pathlib import Path


def prepare_numbers(connection: sqlite3.Connection) -> None:
    """Make the table, if it is not there yet."""
    share(connection)
    connection.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)")


def insert(number: int, connection: sqlite3.Connection) -> None:
    """Store a number in a transaction of its own."""
    with transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))


def numbers(connection: sqlite3.Connection) -> list[int]:
    """Return the numbers that are stored."""
    return [number for (number,) in connection.execute("SELECT number FROM numbers")]


def begun_for(path: Path, *, since: set[threading.Thread]) -> list[threading.Thread]:
    """Return the threads of a database that are new: one of an earlier test may still be ending."""
    return [each for each in set(threading.enumerate()) - since if path.name in each.name]


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


def stored(path: Path) -> list[int]:
    """Return the numbers that another connection finds."""
    with closing(sqlite3.connect(path)) as connection:
        return numbers(connection)


def is_there(path: Path) -> bool:
    """Return whether there is a file."""
    return path.is_file()
