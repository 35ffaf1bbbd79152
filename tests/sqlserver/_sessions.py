"""Sessions and errors for tests without a server."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pyodbc

from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions
from experimentframework_sqlserver._connection.session import Result, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


def options(**said: object) -> SqlServerOptions:
    """Return options of a server that is not there."""
    connection = Secret("Server=127.0.0.1,9;UID=app;PWD=hunter2;Encrypt=no;Connect Timeout=1")
    return SqlServerOptions(**({"connection_string": connection} | said))  # type: ignore[arg-type]


def said(number: int, text: str = "It went wrong.", state: str = "42000") -> pyodbc.Error:
    """Return an error as Microsoft's driver and pyodbc word what the server says."""
    dressed = f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]{text} ({number})"
    return pyodbc.Error(state, f"{dressed} (SQLExecDirectW)")


class ScriptedSession:
    """Does what the script says, statement for statement, then succeeds for ever.

    Attributes:
        statements: What was executed, with its parameters.
        closed: Whether it was dropped.
    """

    def __init__(self, *script: BaseException) -> None:
        self.usable = True
        self.in_transaction = False
        self.statements: list[tuple[str, tuple[object, ...]]] = []
        self.rolled_back = 0
        self.closed = False
        self._script = list(script)

    async def run(self, statement: str, *parameters: object) -> Result:
        self.in_transaction = True
        return self._next(statement, parameters)

    async def run_alone(self, statement: str, *parameters: object) -> Result:
        return self._next(statement, parameters)

    def _next(self, statement: str, parameters: tuple[object, ...]) -> Result:
        self.statements.append((statement, parameters))
        if self._script:
            raise self._script.pop(0)
        return Result([], 1)

    async def rollback(self) -> None:
        self.rolled_back += 1
        self.in_transaction = False

    def drop(self) -> Future[None]:
        self.usable = False
        self.closed = True
        done: Future[None] = Future()
        done.set_result(None)
        return done


class OneSession:
    """A pool of one session."""

    def __init__(self, session: ScriptedSession) -> None:
        self._session = session

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ScriptedSession]:
        yield self._session


def as_session(scripted: ScriptedSession) -> Session:
    return cast("Session", scripted)


def looks(scripted: ScriptedSession) -> Sequence[bool]:
    """Return of each statement whether it looks for what is stored already."""
    return ["NOT EXISTS" in statement for statement, _ in scripted.statements]
