"""Writes events in a transaction of the application's own: both are committed, or neither."""

from __future__ import annotations

from functools import lru_cache
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, NamedTuple, cast, overload

from experimentframework_core.status import Receipt
from experimentframework_sqlserver._connection.connecting import place_of
from experimentframework_sqlserver._errors import MISSING, delivery_error, numbers_of
from experimentframework_sqlserver._options import SqlServerOptions
from experimentframework_sqlserver._table.naming import names_of
from experimentframework_sqlserver._writing.insert import Insert
from experimentframework_sqlserver._writing.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    import msgspec

    from experimentframework_core.config import BackplaneOptions
    from experimentframework_core.plane import DataPlane
    from experimentframework_sqlserver._writing.databases import AsyncDatabase, Database

_NO_TRANSACTION = 50001
_OTHERS = ("sqlalchemy", "sqlite3")
"""Packages whose connections execute statements too, but not so."""

# With XACT_ABORT a duplicate would end the transaction. What is SET in a batch with parameters ends
# with it; it is put back all the same, for errors that are to be the caller's, and for Babelfish.
_IN_TRANSACTION = """
DECLARE @said INT = @@OPTIONS;
SET NOCOUNT ON;
SET XACT_ABORT OFF;
IF @@TRANCOUNT = 0
BEGIN;
    THROW {no_transaction}, N'there is no transaction to write in', 1;
END;
BEGIN TRY
    {insert};
END TRY
BEGIN CATCH
    IF @said & 16384 <> 0 SET XACT_ABORT ON;
    IF @said & 512 = 0 SET NOCOUNT OFF;
    -- A duplicate: another transaction has stored the event in the meantime.
    IF ERROR_NUMBER() NOT IN (2601, 2627)
    BEGIN;
        THROW;
    END;
END CATCH;
IF @said & 16384 <> 0 SET XACT_ABORT ON;
IF @said & 512 = 0 SET NOCOUNT OFF;
"""


class _Message(NamedTuple):
    event_id: str
    statement: str
    parameter: str


class _Writer:
    """What `Outbox` and `AsyncOutbox` share: all but the execution."""

    def __init__(self, database: object, plane: DataPlane, options: SqlServerOptions) -> None:
        """Write to the table of ``options`` what ``plane`` lets through."""
        self._database = database
        self._plane = plane
        self._options = options

    def message(
        self, event: msgspec.Struct, correlation_id: str | None, metadata: dict[str, Any] | None
    ) -> _Message | Receipt:
        """Return what to execute, or why nothing is."""
        record = self._plane.seal(event, correlation_id=correlation_id, metadata=metadata)
        if isinstance(record, Receipt):
            return record
        rows = rows_of((record,))
        if rows.refused:
            raise rows.refused[0]
        insert = _insert_of(self._options).statements(rows).unless_stored
        statement = _IN_TRANSACTION.format(no_transaction=_NO_TRANSACTION, insert=insert)
        return _Message(record.event_id, statement, rows.json)

    def made(self, cursor: object) -> bool:
        """Return whether the execution made a new cursor, as a connection's does."""
        return cursor is not self._database

    def written(self, event_id: str) -> Receipt:
        """Count an event that was written, and return its receipt."""
        self._plane.count_written()
        return Receipt(event_id, "written")

    def explain(self, error: Exception) -> None:
        """Add to the driver's error what it means.

        Raises:
            RuntimeError: It means that there is no transaction.
        """
        if _NO_TRANSACTION in numbers_of(error):
            raise RuntimeError(
                "no transaction is open to write the event in: connect with autocommit=False, or"
                " begin one"
            ) from error
        names = names_of(self._options)
        note = str(delivery_error(error, f"write an event to the table {names}"))
        if MISSING & set(numbers_of(error)):
            place = place_of(self._options)
            note += f". Or the connection is one to another place than the backplane's, {place}"
        error.add_note(note)


class Outbox:
    """Writes events in the transaction that is open on a connection or a cursor of pyodbc."""

    def __init__(self, database: Database, plane: DataPlane, options: SqlServerOptions) -> None:
        """Write to the table of ``options`` what ``plane`` lets through."""
        self._database = database
        self._writer = _Writer(database, plane, options)

    def publish(
        self,
        event: msgspec.Struct,
        *,
        correlation_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Receipt:
        """Write an event; others see it when you commit.

        Args:
            event: A payload of a registered type, or an `Envelope`, as in `DataPlane.publish`.
            correlation_id: As in `DataPlane.publish`.
            metadata: As in `DataPlane.publish`.

        Returns:
            ``written`` and the event's id, also where an event of that id is stored already; or
            ``filtered`` and why, without a word to the server.

        Raises:
            InvalidEventError: The event has no wire form, or is larger than ``maxEventBytes``.
            DataPlaneClosedError: The plane is not open in this process.
            PermanentError: A text of it is longer than its column.
            RuntimeError: No transaction is open.
            pyodbc.Error: The driver's own, as of every statement in your transaction; a note says
                what it means.
        """
        import pyodbc

        message = self._writer.message(event, correlation_id, metadata)
        if isinstance(message, Receipt):
            return message
        try:
            cursor = self._database.execute(message.statement, message.parameter)
        except pyodbc.Error as error:
            self._writer.explain(error)
            raise
        if self._writer.made(cursor):
            cursor.close()
        return self._writer.written(message.event_id)


class AsyncOutbox:
    """The same for aioodbc: what `Outbox` says, awaited."""

    def __init__(
        self, database: AsyncDatabase, plane: DataPlane, options: SqlServerOptions
    ) -> None:
        """Write to the table of ``options`` what ``plane`` lets through."""
        self._database = database
        self._writer = _Writer(database, plane, options)

    async def publish(
        self,
        event: msgspec.Struct,
        *,
        correlation_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Receipt:
        """Write an event; others see it when you commit. As `Outbox.publish`."""
        import pyodbc

        message = self._writer.message(event, correlation_id, metadata)
        if isinstance(message, Receipt):
            return message
        if getattr(self._database, "closed", False):
            # Else aioodbc stumbles over a None of its own.
            raise pyodbc.ProgrammingError("the connection or cursor to write in is closed")
        try:
            cursor = await self._database.execute(message.statement, message.parameter)
        except pyodbc.Error as error:
            self._writer.explain(error)
            raise
        if self._writer.made(cursor):
            await cursor.close()
        return self._writer.written(message.event_id)


@overload
def outbox(
    database: AsyncDatabase, *, plane: DataPlane, backplane: str | None = None
) -> AsyncOutbox: ...
@overload
def outbox(database: Database, *, plane: DataPlane, backplane: str | None = None) -> Outbox: ...
def outbox(
    database: Database | AsyncDatabase, *, plane: DataPlane, backplane: str | None = None
) -> Outbox | AsyncOutbox:
    """Return what writes events in the transaction that is open on a connection or a cursor.

    It never commits and never rolls back.

    Args:
        database: A connection or a cursor, of pyodbc or of aioodbc. A cursor's rows are gone
            afterwards, as after any statement that it executes.
        plane: Whose toggles, sampling, redaction and limits hold.
        backplane: The name of its backplane of the type ``sqlServer``, whose table is written to.
            None: it has one.

    Raises:
        TypeError: ``database`` is none of these.
        ValueError: The plane has no such backplane, or several and none is named.
    """
    _check_database(database)
    options = _options_of(plane, backplane)
    if iscoroutinefunction(type(database).execute):
        return AsyncOutbox(cast("AsyncDatabase", database), plane, options)
    return Outbox(cast("Database", database), plane, options)


@overload
def publish_in(
    database: AsyncDatabase,
    event: msgspec.Struct,
    *,
    plane: DataPlane,
    backplane: str | None = None,
    correlation_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Awaitable[Receipt]: ...
@overload
def publish_in(
    database: Database,
    event: msgspec.Struct,
    *,
    plane: DataPlane,
    backplane: str | None = None,
    correlation_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Receipt: ...
def publish_in(
    database: Database | AsyncDatabase,
    event: msgspec.Struct,
    *,
    plane: DataPlane,
    backplane: str | None = None,
    correlation_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Receipt | Awaitable[Receipt]:
    """Write one event in the transaction that is open on a connection or a cursor.

    It is ``outbox(database, plane=plane).publish(event)``, to be awaited with aioodbc: see `outbox`
    and `Outbox.publish`.
    """
    box = outbox(cast("Database", database), plane=plane, backplane=backplane)
    return box.publish(event, correlation_id=correlation_id, metadata=metadata)


def _check_database(database: object) -> None:
    kind = type(database)
    if kind.__module__.partition(".")[0] in _OTHERS or not callable(getattr(kind, "execute", None)):
        raise TypeError(
            "expected an open connection or cursor of pyodbc or aioodbc, found"
            f" {kind.__module__}.{kind.__qualname__}; of SQLAlchemy it is"
            " session.connection().connection.driver_connection"
        )


def _options_of(plane: DataPlane, name: str | None) -> SqlServerOptions:
    found = {
        node.name or node.type: node.options
        for node in _nodes(plane.options.backplane)
        if isinstance(node.options, SqlServerOptions)
    }
    if not found:
        raise ValueError("backplane: the plane has none of type sqlServer to write to")
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    names = ", ".join(f"'{each}'" for each in found)
    if name is None:
        raise ValueError(f"backplane: name the one to write to; of type sqlServer there is {names}")
    raise ValueError(f"backplane: '{name}' is not one of type sqlServer; there is {names}")


def _nodes(node: BackplaneOptions | None) -> Iterator[BackplaneOptions]:
    if node is not None:
        yield node
        for member in node.backplanes or ():
            yield from _nodes(member)


@lru_cache(maxsize=64)
def _insert_of(options: SqlServerOptions) -> Insert:
    return Insert(options)
