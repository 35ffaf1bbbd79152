"""The tables and marks of a file, by which it is known again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._sqlite.schema import Schema
from experimentframework_core.errors import UnavailableError
from tests.core.sqlite._numbers import numbers

if TYPE_CHECKING:
    from pathlib import Path


class TestSchema:
    """The marks by which a file is known again."""

    schema = Schema("number store", 0x4E756D62, 1, ("CREATE TABLE numbers (number INTEGER)",))

    def test_an_empty_file_gets_the_tables(self, path: Path) -> None:
        """A new file has the tables and marks, and is accepted when it is opened again."""
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            self.schema.create(connection, path)
            self.schema.create(connection, path)
            self.schema.check(connection, path)

            assert numbers(connection) == []

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

    def test_tables_are_made_as_a_whole_or_not_at_all(self, path: Path) -> None:
        """A statement that fails leaves an empty file, which can be used later."""
        broken = self.schema._replace(statements=(*self.schema.statements, "CREATE nonsense"))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            with pytest.raises(sqlite3.OperationalError):
                broken.create(connection, path)

            self.schema.create(connection, path)

            assert numbers(connection) == []
