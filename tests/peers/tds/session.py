"""What one client has in a database: a connection to SQLite, and its transaction."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from tests.peers.tds import tokens
from tests.peers.tds.errors import SqlError
from tests.peers.tds.sqlite_errors import sql_error
from tests.peers.tds.store import turn_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.peers.tds.store import Database
    from tests.peers.tds.types import Stored


class Session:
    """Reads what is committed, and writes in transactions.

    Attributes:
        number: Its number, which its transactions have too.
        depth: How many transactions have begun and not ended, one inside the other.
        changes: Tokens about transactions that the client has not been told yet.
        implicit: Whether a statement outside a transaction begins one.
        options: The bits of @@OPTIONS that are on.
        trouble: Called with the text of each query before it is executed; may raise an error.
    """

    def __init__(self, database: Database, number: int) -> None:
        """Connect to the database."""
        self.number = number
        self.depth = 0
        self.changes = b""
        self.implicit = False
        self.options = 0
        self.trouble: Callable[[str], Awaitable[None]] = _nothing
        self._database = database
        self._connection, self._refused = database.connect()
        self._of_transaction = object()

    async def close(self) -> None:
        """Roll back what is open, and give everything back."""
        await self.rollback()
        await self._database.locks.give_back(self)
        self._connection.close()

    # Transactions.

    def begin(self) -> None:
        """Begin a transaction, or one more inside it."""
        self.depth += 1
        if self.depth == 1:
            self.changes += tokens.begun(self.number)

    async def commit(self) -> None:
        """End the innermost transaction; with the outermost everything is kept."""
        if not self.depth:
            raise SqlError(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN.")
        self.depth -= 1
        if not self.depth:
            await self._end("COMMIT")
            self.changes += tokens.committed(self.number)

    async def rollback(self) -> None:
        """Undo everything since the outermost transaction began."""
        if self.depth:
            self.depth = 0
            await self._end("ROLLBACK")
            self.changes += tokens.rolled_back(self.number)

    async def _end(self, verb: str) -> None:
        if self._connection.in_transaction:
            self._connection.execute(verb)
        self._database.writing.give_back(self)
        await self._database.locks.give_back(self._of_transaction)

    # Statements, in SQLite's dialect.

    def read(self, text: str, variables: Mapping[str, Stored]) -> sqlite3.Cursor:
        """Execute what writes nothing."""
        if self.implicit and not self.depth:
            self.begin()
        return self._execute(text, variables)

    async def write(self, text: str, variables: Mapping[str, Stored]) -> sqlite3.Cursor:
        """Execute what writes, in the transaction or in one of its own, when it is our turn."""
        if self.implicit and not self.depth:
            self.begin()
        if not self.depth:
            async with turn_of(self._database.writing, self):
                return self._execute(text, variables)
        await self._database.writing.take(self)
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        return self._execute(text, variables)

    def value(self, expression: str, variables: Mapping[str, Stored]) -> Stored:
        """Return what an expression comes to."""
        value: Stored = self._execute(f"SELECT {expression}", variables).fetchone()[0]
        return value

    def _execute(self, text: str, variables: Mapping[str, Stored]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(text, variables)
        except sqlite3.Error as error:
            refused, self._refused.error = self._refused.error, None
            raise (refused or sql_error(error, self._connection, text)) from error

    # Named locks.

    async def lock(self, name: str, *, for_session: bool, seconds: float | None) -> int:
        """Take a lock until the transaction ends, or the session; return as sp_getapplock does."""
        if not for_session and not self.depth:
            raise SqlError(1934, "A lock for a transaction needs one that has begun.")
        owner = self if for_session else self._of_transaction
        return await self._database.locks.take(name, owner, seconds)

    async def unlock(self, name: str, *, for_session: bool) -> int:
        """Give a lock back; return as sp_releaseapplock does."""
        owner = self if for_session else self._of_transaction
        return 0 if await self._database.locks.give_back(owner, name) else -999


async def _nothing(_text: str) -> None:
    pass
