"""What the rest of the package sees of a connection: three calls, and how it ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import weakref
from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from experimentframework_core.errors import TransientError
from experimentframework_sqlserver._connection.thread import DriverThread, forget
from experimentframework_sqlserver._connection.types_of_driver import ask_anew, is_wrong
from experimentframework_sqlserver._errors import loses_connection, sqlstate_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    import aioodbc
    import pyodbc

    from experimentframework_sqlserver._connection.connecting import Target

T = TypeVar("T")
P = ParamSpec("P")

_CANCEL_GRACE = 0.5
"""Seconds that a cancelled statement has to end: less than a channel waits for the delivery."""

PATIENCE = 5.0
"""Seconds beyond the command timeout, in which the driver itself gives the statement up."""


class Result(NamedTuple):
    """What a statement gave.

    Attributes:
        rows: The rows of its last result that has rows; empty if none has.
        rowcount: How many rows it changed, or -1 if the server does not say.
    """

    rows: list[tuple[object, ...]]
    rowcount: int


class Session:
    """One connection, used by one task at a time.

    Statements are executed in the connection's own thread. A call that is cancelled or given up
    cancels its statement at the server and makes the session unusable.

    Attributes:
        usable: Whether the connection can be used again.
        in_transaction: Whether there is something to commit or to roll back.
    """

    def __init__(
        self,
        thread: DriverThread,
        connection: aioodbc.Connection,
        target: Target,
        command_timeout: float,
    ) -> None:
        """Use ``connection``, which is used by nobody else."""
        self._thread = thread
        self._connection = connection
        self._driver = connection._conn  # noqa: SLF001 - a statement is one turn in the thread
        self._cursor = self._driver.cursor()
        self._masked = target.masked
        self._place = target.place
        self._patience = command_timeout + PATIENCE
        self._cancelling: Future[None] | None = None
        self._has_answered = False
        self.usable = True
        self.in_transaction = False
        _open.add(self)

    async def run(self, statement: str, *parameters: object) -> Result:
        """Execute a statement, or several, in a transaction that `commit` or `rollback` ends.

        Args:
            statement: T-SQL, with ``?`` for each parameter.
            parameters: Their values.

        Raises:
            pyodbc.Error: The server or the driver refuses; `delivery_error` says what it means.
            TransientError: The driver does not come back.
        """
        if not self.in_transaction:
            self.in_transaction = True
            await self._call(_begin, self._driver)
        return await self._call(_execute, self._cursor, statement, parameters)

    async def run_alone(self, statement: str, *parameters: object) -> Result:
        """Execute a statement as a transaction of its own, done when it returns.

        That is one message to the server and one back, where `run` and `commit` need more.

        Raises:
            pyodbc.Error: As for `run`.
            TransientError: As for `run`.
        """
        if self.in_transaction:
            message = "a transaction is open: commit it or roll it back first"
            raise RuntimeError(message)
        return await self._call(_execute, self._cursor, statement, parameters)

    async def commit(self) -> None:
        """Make what `run` did durable; nothing to do is no error.

        Raises:
            pyodbc.Error: Not confirmed, possibly durable.
            TransientError: The same: the driver does not come back.
        """
        if self.in_transaction:
            await self._call(_end, self._driver, self._driver.commit)
            self.in_transaction = False

    async def rollback(self) -> None:
        """Undo what was not committed.

        Raises:
            pyodbc.Error: The connection is lost, and with it the transaction.
            TransientError: The same: the driver does not come back.
        """
        if self.in_transaction:
            await self._call(_end, self._driver, self._driver.rollback)
            self.in_transaction = False

    def leave_to_parent(self) -> None:
        """In a forked child: never touch the connection, which is the parent's.

        Freed here, it would be closed there, so it is kept alive for ever.
        """
        self.usable = False
        self._connection._conn = None  # noqa: SLF001 - else it closes when it is collected
        for each in (self._driver, self._cursor):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))

    def drop(self) -> Future[None]:
        """Close the connection in its own thread; what is open there is rolled back."""
        self.usable = False
        self._connection._conn = None  # noqa: SLF001 - else it closes in the loop's thread
        closing = self._thread.submit(_close, self._driver, self._cursor, self._cancelling)
        self._thread.shutdown()
        return closing

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future = asyncio.wrap_future(self._thread.submit(function, *args, **kwargs))
        try:
            await asyncio.wait((future,), timeout=self._patience)
        except asyncio.CancelledError:
            await self._give_up(future)
            raise
        if not future.done():
            await self._give_up(future)
            raise TransientError(
                f"cannot use {self._place}: the ODBC driver did not come back within "
                f"{self._patience:g} s"
            )
        import pyodbc

        try:
            result = future.result()
        except pyodbc.Error as error:
            error.args = tuple(map(self._shown, error.args))
            self._judge(error)
            raise
        self._has_answered = True
        return result

    def _judge(self, error: pyodbc.Error) -> None:
        lost = loses_connection(error)
        wrong = is_wrong(sqlstate_of(error))
        if wrong or (lost and not self._has_answered):
            ask_anew()
        self.usable = self.usable and not (lost or wrong)

    def _shown(self, part: object) -> object:
        return self._masked(part) if isinstance(part, str) else part

    async def _give_up(self, future: asyncio.Future[T]) -> None:
        """Cancel the statement from another thread, and wait a moment for ours to come back."""
        self.usable = False
        future.add_done_callback(forget)
        canceller = DriverThread("experimentframework.sqlserver.cancel")
        self._cancelling = canceller.submit(self._cursor.cancel)
        self._cancelling.add_done_callback(forget)
        canceller.shutdown()
        try:
            await asyncio.wait((future,), timeout=_CANCEL_GRACE)
        finally:
            # What the driver says later is for nobody, not even for a loop that has ended.
            future.cancel()


_open: weakref.WeakSet[Session] = weakref.WeakSet()


def _leave_all_to_parent() -> None:
    for session in list(_open):
        session.leave_to_parent()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)


def _execute(cursor: pyodbc.Cursor, statement: str, parameters: tuple[object, ...]) -> Result:
    cursor.execute(statement, *parameters)
    rows: list[tuple[object, ...]] = []
    changed = -1
    while True:
        if cursor.description is None:
            changed = cursor.rowcount
        else:
            rows = [tuple(row) for row in cursor.fetchall()]
        # What fails behind the first result is only raised here.
        if not cursor.nextset():
            return Result(rows, changed)


def _begin(connection: pyodbc.Connection) -> None:
    connection.autocommit = False


def _end(connection: pyodbc.Connection, end: Callable[[], None]) -> None:
    end()
    # Until it is on again, the driver begins a next transaction at once and leaves it open.
    connection.autocommit = True


def _close(
    connection: pyodbc.Connection, cursor: pyodbc.Cursor, cancelling: Future[None] | None
) -> None:
    import pyodbc

    # A thread that still cancels its statement while the cursor closes ends the process.
    if cancelling is not None:
        wait((cancelling,))
    # The cursor first: a thread that frees it while the connection closes ends the process.
    with suppress(pyodbc.Error):
        cursor.close()
    with suppress(pyodbc.Error):
        connection.close()
