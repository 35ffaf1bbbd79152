"""A database: a file of SQLite, who writes it, and who holds its named locks.

SQLite has one writer at a time. A session that begins to write waits for its turn without stopping
the others, and keeps it until its transaction ends. Readers see what is committed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from tests.peers.tds.functions import Refused, add_functions
from tests.peers.tds.lexer import items_of
from tests.peers.tds.names import table_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_system: Final = """
CREATE TABLE IF NOT EXISTS [sys.schemas] (name TEXT PRIMARY KEY COLLATE NOCASE);
INSERT OR IGNORE INTO [sys.schemas] VALUES ('dbo');
"""
_views: Final = """
CREATE TEMP VIEW [sys.columns] AS
SELECT o.rowid AS object_id, c.name AS name, c.cid + 1 AS column_id
FROM sqlite_master AS o, pragma_table_xinfo(o.name) AS c WHERE o.type IN ('table', 'view');
CREATE TEMP VIEW [sys.objects] AS
SELECT o.rowid AS object_id, substr(o.name, instr(o.name, '.') + 1) AS name,
    CASE o.type WHEN 'table' THEN 'U' ELSE 'V' END AS type, s.rowid AS schema_id,
    o.rowid AS create_date
FROM sqlite_master AS o JOIN [sys.schemas] AS s ON o.name LIKE s.name || '.%'
WHERE o.type IN ('table', 'view');
CREATE TEMP VIEW [INFORMATION_SCHEMA.COLUMNS] AS
SELECT substr(o.name, 1, instr(o.name, '.') - 1) AS TABLE_SCHEMA,
    substr(o.name, instr(o.name, '.') + 1) AS TABLE_NAME,
    c.name AS COLUMN_NAME, lower(c.type) AS DATA_TYPE,
    CASE c.[notnull] WHEN 1 THEN 'NO' ELSE 'YES' END AS IS_NULLABLE,
    NULL AS CHARACTER_MAXIMUM_LENGTH
FROM sqlite_master AS o, pragma_table_xinfo(o.name) AS c WHERE o.type IN ('table', 'view');
"""

sqlite3.register_converter("BIT", lambda kept: kept == b"1")
sqlite3.register_converter("UNIQUEIDENTIFIER", lambda kept: uuid.UUID(kept.decode()))


class Database:
    """One database of the server."""

    def __init__(self, name: str, folder: Path) -> None:
        """Make its file if it is not there."""
        self.name = name
        self._path = folder / f"{name}.db"
        self.writing = Turn()
        self.locks = NamedLocks()
        with self.connect()[0] as connection:
            connection.executescript(_system)

    def connect(self) -> tuple[sqlite3.Connection, Refused]:
        """Return a new connection, and where its functions keep why they refused."""
        connection = sqlite3.connect(
            self._path, isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # processes die here, machines do not
        connection.executescript(_views)
        refused = add_functions(connection)
        connection.create_function("object_id", -1, lambda name, *_: _object(connection, name))
        connection.create_function("schema_id", 1, lambda name: _schema(connection, name))
        connection.create_function("db_name", 0, lambda: self.name)
        return connection, refused


def _object(connection: sqlite3.Connection, name: str) -> int | None:
    table, _ = table_name(items_of(name), 0)
    found = connection.execute("SELECT rowid FROM sqlite_master WHERE name = ?", [table[1:-1]])
    return next((row[0] for row in found), None)


def _schema(connection: sqlite3.Connection, name: str) -> int | None:
    found = connection.execute("SELECT rowid FROM [sys.schemas] WHERE name = ?", [name])
    return next((row[0] for row in found), None)


class Turn:
    """Who may write."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock = asyncio.Lock()
        self._owner: object = None

    async def take(self, owner: object) -> None:
        """Return when it is the owner's turn; at once if it is already."""
        if self._owner is not owner:
            await self._lock.acquire()
            self._owner = owner

    def give_back(self, owner: object) -> None:
        """End the owner's turn, if it is."""
        if self._owner is owner:
            self._owner = None
            self._lock.release()


class NamedLocks:
    """What ``sp_getapplock`` gives: exclusive locks by name."""

    def __init__(self) -> None:
        """Begin with none."""
        self._owners: dict[str, object] = {}
        self._changed = asyncio.Condition()

    async def take(self, name: str, owner: object, seconds: float | None) -> int:
        """Return 0 when the owner has it at once, 1 after a wait, -1 when time ran out."""
        async with self._changed:
            if self._is_free(name, owner):
                self._owners[name] = owner
                return 0
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: self._is_free(name, owner))
                    self._owners[name] = owner
                    return 1
        return -1

    def _is_free(self, name: str, owner: object) -> bool:
        return self._owners.get(name, owner) is owner

    async def give_back(self, owner: object, name: str | None = None) -> bool:
        """Free a lock of the owner's, or all; return whether it had any."""
        async with self._changed:
            held = [
                each
                for each, holder in self._owners.items()
                if holder is owner and name in (None, each)
            ]
            for each in held:
                del self._owners[each]
            self._changed.notify_all()
        return bool(held)


@asynccontextmanager
async def turn_of(turn: Turn, owner: object) -> AsyncIterator[None]:
    """Have the turn within the ``async with``."""
    await turn.take(owner)
    try:
        yield
    finally:
        turn.give_back(owner)
