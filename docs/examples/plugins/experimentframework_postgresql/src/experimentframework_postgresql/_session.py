"""One connection to the server: made when it is needed, and made anew when it is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from experimentframework_core.errors import UnavailableError
from experimentframework_postgresql._connection_string import connection_string_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from experimentframework_postgresql._options import PostgreSqlOptions

_OLDEST_SERVER = 13
_CONNECT_TIMEOUT = 7.0
"""Seconds: less than an opening may take, so that it says why."""

_CLOSE_TIMEOUT = 1.0
"""Seconds in which a connection says good-bye; then it is cut."""


class Session:
    """Runs one statement at a time, each as a transaction of its own.

    A call that is cancelled, or given up after the command timeout, has its statement cancelled at
    the server; the next one has another connection. Making that goes on when the call is cancelled
    that began it, and is the next one's: cut in the middle, the driver would leave sockets open.
    """

    def __init__(self, options: PostgreSqlOptions) -> None:
        """Store how to connect."""
        self._options = options
        self._connection: asyncpg.Connection | None = None
        self._connecting: asyncio.Task[asyncpg.Connection] | None = None
        self._at_rest = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connection(self) -> asyncpg.Connection:
        """Return a connection that is ready for a statement.

        Raises:
            UnavailableError: The server is too old, or its database is of no use.
            asyncpg.PostgresError: The server refuses us.
            asyncpg.InterfaceError: The driver does.
            OSError: The server does not answer.
        """
        if self._connecting is None and self._is_ready():
            return self._connection
        if self._connecting is None:
            lost, self._connection = self._connection, None
            self._connecting = asyncio.ensure_future(_renewed(lost, self._options))
        await asyncio.wait((self._connecting,))
        connecting, self._connecting = self._connecting, None
        self._connection = connecting.result()
        self._at_rest = True
        return self._connection

    def _is_ready(self) -> bool:
        return self._connection is not None and self._at_rest and not self._connection.is_closed()

    async def run(self, statement: str, *parameters: object) -> Sequence[asyncpg.Record]:
        """Return the rows of a statement with ``$1`` for its first parameter, and so on.

        Raises:
            UnavailableError: As for `connection`.
            asyncpg.PostgresError: The server refuses the statement.
            asyncpg.InterfaceError: The connection is lost.
            OSError: The same, or the statement took too long.
        """
        import asyncpg

        connection = await self.connection()
        self._at_rest = False
        try:
            rows: Sequence[asyncpg.Record] = await connection.fetch(statement, *parameters)
        except asyncpg.PostgresError:
            self._at_rest = True
            raise
        self._at_rest = True
        return rows

    async def close(self) -> None:
        """Close the connection, which also waits a moment for a statement that was cancelled."""
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            await asyncio.wait((connecting,), timeout=_CLOSE_TIMEOUT)
            if not connecting.cancel() and connecting.exception() is None:
                self._connection = connecting.result()
        connection, self._connection = self._connection, None
        await _close(connection)


async def _renewed(
    lost: asyncpg.Connection | None, options: PostgreSqlOptions
) -> asyncpg.Connection:
    await _close(lost)
    return await _connect(options)


async def _close(connection: asyncpg.Connection | None) -> None:
    import asyncpg

    if connection is not None:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await connection.close(timeout=_CLOSE_TIMEOUT)


async def _connect(options: PostgreSqlOptions) -> asyncpg.Connection:
    import asyncpg

    text = options.connection_string.reveal()
    if problems := list(connection_string_problems(text)):
        raise UnavailableError(f"connectionString: {'; '.join(problems)}")
    named = {} if "application_name=" in text else {"application_name": "experimentframework"}
    connection = await asyncpg.connect(
        text,
        password=None if options.password is None else options.password.reveal(),
        timeout=_CONNECT_TIMEOUT,
        command_timeout=options.command_timeout_seconds,
        server_settings=named,
    )
    if why := _why_of_no_use(connection):
        await connection.close(timeout=_CLOSE_TIMEOUT)
        raise UnavailableError(f"cannot use the server of connectionString: {why}")
    return connection


def _why_of_no_use(connection: asyncpg.Connection) -> str | None:
    version = connection.get_server_version()
    if version.major < _OLDEST_SERVER:
        return f"it is PostgreSQL {version.major}; {_OLDEST_SERVER} or newer is needed"
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        return f"its database has the encoding {encoding}; make one with ENCODING 'UTF8'"
    return None
