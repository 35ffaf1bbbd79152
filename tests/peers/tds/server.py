"""The server: who may come in, which databases there are, and what is asked of it from outside."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from tests.peers.rules import Coming
from tests.peers.tds import moments
from tests.peers.tds.connection import Connection
from tests.peers.tds.errors import SqlError
from tests.peers.tds.store import Database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.tds.faults import Fault
    from tests.peers.tds.login import Login


class State(msgspec.Struct, kw_only=True):
    """What has happened so far.

    Attributes:
        logins: How often somebody signed in, or tried to.
        connections: How many connections there are now.
        statements: How many batches and calls came.
        commits: How many transactions were committed at the client's request.
        cancelled: How many statements the client cancelled.
        hanging: How many statements hang now.
        faults: How many rules for faults are left.
    """

    logins: int = 0
    connections: int = 0
    statements: int = 0
    commits: int = 0
    cancelled: int = 0
    hanging: int = 0
    faults: int = 0


class Server:
    """Listens on 127.0.0.1.

    Attributes:
        port: Where it listens.
        faults: What is to go wrong.
        state: What has happened.
        deaf: Whether something hangs that does not heed the client.
    """

    def __init__(self, folder: Path, user: str, password: str) -> None:
        """Take up the databases of a folder."""
        self._folder = folder
        self._user = user
        self._password = password
        self._databases = {path.stem: self._open(path.stem) for path in folder.glob("*.db")}
        self._connections: dict[Connection, asyncio.Task[None] | None] = {}
        self._numbers = count(51)
        self._released = asyncio.Event()
        self._counts = State()
        self.faults: Coming[Fault] = Coming()
        self.deaf = False
        self.port = 0

    async def listen(self, port: int) -> None:
        """Begin to listen, on a free port for 0."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer, next(self._numbers))
        self._connections[connection] = asyncio.current_task()
        try:
            await connection.serve()
        finally:
            del self._connections[connection]

    @property
    def state(self) -> State:
        """What has happened so far."""
        self._counts.connections = len(self._connections)
        self._counts.faults = self.faults.left()
        return self._counts

    def admit(self, login: Login) -> Database:
        """Return the database of somebody who signs in.

        Raises:
            SqlError: User, password or database are wrong.
        """
        if (login.user, login.password) != (self._user, self._password):
            raise SqlError(18456, f"Login failed for user '{login.user}'.", severity=14)
        if login.database not in self._databases:
            raise SqlError(
                4060,
                f'Cannot open database "{login.database}" requested by the login.',
                severity=11,
            )
        return self._databases[login.database]

    def create(self, name: str) -> None:
        """Make a database."""
        self._databases[name] = self._open(name)

    def _open(self, name: str) -> Database:
        return Database(name, self._folder)

    def cut_all(self) -> None:
        """End every connection at once."""
        for connection in tuple(self._connections):
            connection.cut()

    async def hang(self, *, deaf: bool) -> None:
        """Return when everything that hangs is released."""
        self._counts.hanging += 1
        self.deaf = self.deaf or deaf
        try:
            await self._released.wait()
        finally:
            self._counts.hanging -= 1

    def release(self) -> None:
        """Let everything that hangs go on, and nothing more go wrong."""
        self.faults.clear()
        self.deaf = False
        self._released.set()
        self._released = asyncio.Event()

    def rows(self, database: str, query: str) -> list[tuple[str | int | float | None, ...]]:
        """Return the rows of a query in SQLite's own dialect; nothing else goes through it."""
        connection, _ = self._databases[database].connect()
        try:
            found = connection.execute(query)
            return [tuple(_shown(cell) for cell in row) for row in found]
        finally:
            connection.close()


def _shown(cell: str | float | None) -> str | float | None:
    return moments.shown(cell, 127) if moments.is_moment(cell) else cell
