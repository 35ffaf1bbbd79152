"""Writing in the application's own transaction: what is sent, counted and never done."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pyodbc
import pytest

from experimentframework_core import (
    BackplaneOptions,
    DataPlane,
    DataPlaneOptions,
    InvalidEventError,
    Receipt,
)
from experimentframework_core.errors import PermanentError
from experimentframework_core.testing import make_envelope, make_exposure
from experimentframework_sqlserver import AsyncOutbox, Outbox, outbox, publish_in
from tests.sqlserver._sessions import options, said

if TYPE_CHECKING:
    from collections.abc import Sequence


class Cursor:
    """A cursor that keeps what it is given.

    Attributes:
        statements: What was executed, with its parameters.
        closed: Whether it was closed.
        error: What every statement raises.
    """

    rowcount = 1

    def __init__(self) -> None:
        self.statements: list[tuple[str, Sequence[object]]] = []
        self.closed = False
        self.error: Exception | None = None

    def execute(self, sql: str, /, *parameters: object) -> Cursor:
        self.statements.append((sql, parameters))
        if self.error is not None:
            raise self.error
        return self

    def close(self) -> None:
        self.closed = True


class Connection:
    """A connection that makes a cursor for each statement."""

    def __init__(self) -> None:
        self.cursors: list[Cursor] = []

    def execute(self, sql: str, /, *parameters: object) -> Cursor:
        self.cursors.append(Cursor())
        return self.cursors[-1].execute(sql, *parameters)


class AsyncCursor:
    """A cursor of aioodbc's ways around another one."""

    def __init__(self) -> None:
        self.inner = Cursor()

    async def execute(self, sql: str, /, *parameters: object) -> AsyncCursor:
        self.inner.execute(sql, *parameters)
        return self

    async def close(self) -> None:
        self.inner.close()


class AsyncConnection:
    """A connection of aioodbc's ways."""

    def __init__(self) -> None:
        self.cursors: list[AsyncCursor] = []

    async def execute(self, sql: str, /, *parameters: object) -> AsyncCursor:
        self.cursors.append(AsyncCursor())
        return await self.cursors[-1].execute(sql, *parameters)


def table(name: str = "table", **said: object) -> BackplaneOptions:
    return BackplaneOptions(type="sqlServer", name=name, options=options(**said))


def plane(*tables: BackplaneOptions, **settings: Any) -> DataPlane:
    node = tables[0] if len(tables) == 1 else BackplaneOptions(type="composite", backplanes=tables)
    said: dict[str, Any] = {"on_failure": "drop", "shutdown_timeout_ms": 100} | settings
    return DataPlane(DataPlaneOptions(backplane=node, **said))


def written(cursor: Cursor) -> list[str]:
    return [
        each["eventId"]
        for _, (parameter,) in cursor.statements
        for each in json.loads(str(parameter))
    ]


async def test_an_event_is_written_by_a_cursor() -> None:
    """Given a cursor, When an event is published in it, Then it has executed, and is open."""
    cursor, envelope = Cursor(), make_envelope()

    async with plane(table()) as open_plane:
        receipt = publish_in(cursor, envelope, plane=open_plane)

    assert receipt == Receipt(envelope.event_id, "written")
    assert written(cursor) == [envelope.event_id]
    assert not cursor.closed


async def test_a_connections_own_cursor_is_closed() -> None:
    """Given a connection, When an event is published in it, Then the cursor it made is closed."""
    connection = Connection()

    async with plane(table()) as open_plane:
        publish_in(connection, make_exposure(), plane=open_plane)

    assert [cursor.closed for cursor in connection.cursors] == [True]


async def test_aioodbc_is_awaited() -> None:
    """Given a cursor of aioodbc's ways, When it is awaited, Then the event is written."""
    cursor, envelope = AsyncCursor(), make_envelope()

    async with plane(table()) as open_plane:
        receipt = await publish_in(cursor, envelope, plane=open_plane)

    assert receipt == Receipt(envelope.event_id, "written")
    assert written(cursor.inner) == [envelope.event_id]
    assert not cursor.inner.closed


async def test_an_aioodbc_connections_own_cursor_is_closed() -> None:
    """Given a connection of aioodbc's ways, When written, Then the cursor it made is closed."""
    connection = AsyncConnection()

    async with plane(table()) as open_plane:
        await publish_in(connection, make_exposure(), plane=open_plane)

    assert [cursor.inner.closed for cursor in connection.cursors] == [True]


async def test_an_outbox_writes_event_after_event() -> None:
    """Given an outbox, When several events are published, Then each is written and counted."""
    cursor = Cursor()

    async with plane(table()) as open_plane:
        box = outbox(cursor, plane=open_plane)
        receipts = [box.publish(make_exposure(), correlation_id="c") for _ in range(3)]
        statistics = open_plane.statistics()

    assert isinstance(box, Outbox)
    assert written(cursor) == [receipt.event_id for receipt in receipts]
    assert statistics.written_in_transaction == 3
    assert statistics.published == 0


async def test_an_outbox_of_aioodbc_is_its_own_kind() -> None:
    """Given a cursor of aioodbc's ways, When an outbox is made, Then its calls are awaited."""
    cursor = AsyncCursor()

    async with plane(table()) as open_plane:
        box = outbox(cursor, plane=open_plane)
        await box.publish(make_exposure(), metadata={"a": 1})

    assert isinstance(box, AsyncOutbox)
    assert len(written(cursor.inner)) == 1


async def test_a_filtered_event_is_not_sent() -> None:
    """Given a toggle, When such an event is published, Then nothing is executed or counted."""
    cursor = Cursor()

    async with plane(table(), enable_exposure_events=False) as open_plane:
        receipt = publish_in(cursor, make_exposure(), plane=open_plane)
        statistics = open_plane.statistics()

    assert receipt == Receipt(None, "filtered", "toggle")
    assert cursor.statements == []
    assert statistics.written_in_transaction == 0


async def test_an_invalid_event_is_refused_before_anything_is_sent() -> None:
    """Given an event without a wire form, When published, Then nothing is executed."""
    cursor = Cursor()

    async with plane(table()) as open_plane:
        with pytest.raises(InvalidEventError):
            publish_in(cursor, make_exposure(subject_id=""), plane=open_plane)

    assert cursor.statements == []


async def test_what_has_no_place_is_refused_before_anything_is_sent() -> None:
    """Given a text longer than its column, When published, Then nothing is executed."""
    cursor, envelope = Cursor(), make_envelope(traceparent="0" * 65)

    async with plane(table()) as open_plane:
        with pytest.raises(PermanentError, match="its traceparent has 65 characters"):
            publish_in(cursor, envelope, plane=open_plane)

    assert cursor.statements == []


async def test_it_never_ends_the_transaction() -> None:
    """Given an event, When it is published, Then no statement commits or rolls back."""
    cursor = Cursor()

    async with plane(table()) as open_plane:
        publish_in(cursor, make_exposure(), plane=open_plane)

    ((statement, _),) = cursor.statements
    assert not {"COMMIT", "ROLLBACK"} & set(statement.upper().split())


async def test_without_a_transaction_it_is_refused() -> None:
    """Given a connection in autocommit, When published, Then the error says what to do."""
    cursor = Cursor()
    cursor.error = said(50001, "there is no transaction to write in")

    async with plane(table()) as open_plane:
        with pytest.raises(RuntimeError, match="autocommit=False"):
            publish_in(cursor, make_exposure(), plane=open_plane)


@pytest.mark.parametrize("cursor", [Cursor(), AsyncCursor()], ids=["pyodbc", "aioodbc"])
async def test_the_drivers_errors_stay_and_say_what_they_mean(cursor: Any) -> None:
    """Given a missing table, When published, Then the driver's error has a note on what to do."""
    error = said(208, state="42S02")
    getattr(cursor, "inner", cursor).error = error

    async with plane(table()) as open_plane:
        with pytest.raises(pyodbc.Error) as told:
            await publish_in(cursor, make_exposure(), plane=open_plane)

    assert told.value is error
    assert "experimentframework sqlserver migrate" in told.value.__notes__[0]
    assert "Or the connection is one to another place than the" in told.value.__notes__[0]
    assert "'127.0.0.1,9'" in told.value.__notes__[0]
    assert open_plane.statistics().written_in_transaction == 0


async def test_a_plane_with_several_tables_wants_a_name() -> None:
    """Given two tables, When none is named, Then the error names both; named, it is that one."""
    cursor = Cursor()

    async with plane(table("one", table_name="A"), table("two", table_name="B")) as open_plane:
        with pytest.raises(ValueError, match="'one', 'two'"):
            outbox(cursor, plane=open_plane)
        publish_in(cursor, make_exposure(), plane=open_plane, backplane="two")

    assert "[dbo].[B]" in cursor.statements[0][0]


async def test_another_name_is_refused() -> None:
    """Given a name that no table has, When an outbox is made, Then the error has those."""
    async with plane(table("one")) as open_plane:
        with pytest.raises(ValueError, match=r"'other' is not one of type sqlServer; .* 'one'"):
            outbox(Cursor(), plane=open_plane, backplane="other")


async def test_a_plane_without_a_table_is_refused() -> None:
    """Given a plane of another type, When an outbox is made, Then the error says that."""
    async with plane(BackplaneOptions(type="inMemory")) as open_plane:
        with pytest.raises(ValueError, match="the plane has none of type sqlServer"):
            outbox(Cursor(), plane=open_plane)


@pytest.mark.parametrize("database", [object(), None, "dsn", sqlite3.Cursor])
async def test_what_is_no_connection_is_refused(database: Any) -> None:
    """Given something else, When an outbox is made for it, Then the error says what is expected."""
    given = database(sqlite3.connect(":memory:")) if isinstance(database, type) else database

    async with plane(table()) as open_plane:
        with pytest.raises(TypeError, match="connection or cursor of pyodbc or aioodbc, found"):
            outbox(given, plane=open_plane)


async def test_a_closed_connection_of_aioodbc_is_told() -> None:
    """Given a connection of aioodbc's that is closed, When published, Then the error says that."""
    connection: Any = AsyncConnection()
    connection.closed = True

    async with plane(table()) as open_plane:
        with pytest.raises(pyodbc.ProgrammingError, match="is closed"):
            await publish_in(connection, make_exposure(), plane=open_plane)
