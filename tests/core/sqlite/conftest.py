"""A database of numbers, and another connection that locks it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._sqlite.database import Database
from tests.core.sqlite._numbers import prepare_numbers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "numbers.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with Database(path, prepare=prepare_numbers) as database:
        yield database


@pytest.fixture
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Give another connection, which holds the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare_numbers(connection)
        connection.execute("BEGIN EXCLUSIVE")
        yield connection
