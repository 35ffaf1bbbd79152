"""The tables of a SQLite file, and the marks by which a file is known again."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core._sqlite.database import transaction
from experimentframework_core.errors import TransientError, UnavailableError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path


class Schema(NamedTuple):
    """The tables of one kind of file, and the marks by which the file is known again.

    Attributes:
        kind: What the file is, for messages.
        application_id: SQLite's ``application_id``: which kind of file this is.
        version: SQLite's ``user_version``: raised with each change of ``statements``.
        statements: What makes the tables in an empty file.
        upgrades: For a former version what makes the next one of it.
    """

    kind: str
    application_id: int
    version: int
    statements: tuple[str, ...]
    upgrades: Mapping[int, tuple[str, ...]] = MappingProxyType({})

    def create(self, connection: sqlite3.Connection, path: Path) -> None:
        """Make the tables if the file is empty; else `check` it, and upgrade a former version."""
        if self._is_empty(connection):
            with transaction(connection):
                if self._is_empty(connection):
                    for statement in self.statements:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id={self.application_id}")
                    connection.execute(f"PRAGMA user_version={self.version}")
        self.check(connection, path)
        if self._next_steps(connection):
            with transaction(connection):
                while steps := self._next_steps(connection):
                    for statement in steps:
                        connection.execute(statement)

    def check(self, connection: sqlite3.Connection, path: Path) -> None:
        """Raise UnavailableError unless the file has these tables; TransientError if it is empty.

        Those of a version that can be upgraded will do.

        Between the making of the file and that of its tables, others see it empty.
        """
        if self._is_empty(connection):
            raise TransientError(
                f"cannot use {path}: it is empty, no {self.kind} of experimentframework yet"
            )
        application_id, version = _marks(connection)
        if application_id != self.application_id:
            raise UnavailableError(
                f"cannot use {path}: it is a database, but no {self.kind} of experimentframework;"
                " choose another path"
            )
        if version != self.version and version not in self.upgrades:
            raise UnavailableError(
                f"cannot use {path}: this {self.kind} has version {version}, this"
                f" experimentframework knows version {self.version}; upgrade experimentframework"
                " or choose another path"
            )

    def _next_steps(self, connection: sqlite3.Connection) -> tuple[str, ...]:
        _, version = _marks(connection)
        steps = self.upgrades.get(version, ())
        return (*steps, f"PRAGMA user_version={version + 1}") if steps else ()

    @staticmethod
    def _is_empty(connection: sqlite3.Connection) -> bool:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return tables == 0 and _marks(connection) == (0, 0)


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application_id, version
