"""Events inside the caller's own transaction, on an engine."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import aioodbc
import msgspec
import pyodbc
import pytest

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core.testing import make_envelope, make_exposure, make_outcome
from experimentframework_sqlserver import outbox, publish_in
from experimentframework_sqlserver._connection.connecting import target_of
from experimentframework_sqlserver._table.naming import names_of
from tests.core._planes import check_accounts
from tests.sqlserver.engine.database import connect, execute, on_a_server, rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_sqlserver import SqlServerOptions

IDS = "SELECT EventId FROM [$(Schema)].[$(Table)] ORDER BY Id"
OPEN = "SELECT @@TRANCOUNT, @@OPTIONS & 16384, @@OPTIONS & 512"
XACT_ABORT, NOCOUNT = 16384, 512
ORDERS = "CREATE TABLE [$(Schema)].[$(Table)Orders] (Id INT NOT NULL)"
ORDER = "INSERT INTO [$(Schema)].[$(Table)Orders] (Id) VALUES (1)"


@pytest.fixture
async def plane(options: SqlServerOptions) -> AsyncIterator[DataPlane]:
    """Return an open plane whose table is there, beside one of orders."""
    node = BackplaneOptions(type="sqlServer", options=options)
    execute(options, ORDERS)
    plane = DataPlane(DataPlaneOptions(backplane=node, on_failure="drop"))
    async with plane:
        await plane.publish(make_outcome(), ack="delivered")
        execute(options, "DELETE FROM [$(Schema)].[$(Table)]")
        yield plane
        check_accounts(plane)


def ids(options: SqlServerOptions) -> list[object]:
    return [event_id for (event_id,) in rows(options, IDS)]


def _order(options: SqlServerOptions) -> str:
    return names_of(options).within(ORDER)


def _counted(options: SqlServerOptions) -> tuple[object, ...]:
    """Return how many events and how many orders there are."""
    (found,) = rows(
        options,
        "SELECT (SELECT COUNT(*) FROM [$(Schema)].[$(Table)]),"
        " (SELECT COUNT(*) FROM [$(Schema)].[$(Table)Orders])",
    )
    return found


async def test_both_are_there_after_the_commit(options: SqlServerOptions, plane: DataPlane) -> None:
    """Given an order and its outcome in a transaction, When committed, Then both are there."""
    with closing(connect(options, autocommit=False)) as connection:
        connection.execute(_order(options))
        receipt = publish_in(connection, make_outcome(), plane=plane)
        connection.commit()

    assert _counted(options) == (1, 1)
    assert receipt.status == "written"
    assert plane.statistics().written_in_transaction == 1


async def test_neither_is_there_after_a_rollback(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given an order and its outcome in a transaction, When it is undone, Then neither is there."""
    with closing(connect(options, autocommit=False)) as connection:
        connection.execute(_order(options))
        publish_in(connection, make_outcome(), plane=plane)
        connection.rollback()

    assert _counted(options) == (0, 0)


async def test_a_duplicate_does_not_doom_the_transaction(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given an event that is stored, When it is published again in one, Then the order is kept."""
    event = make_envelope(make_outcome())
    await plane.publish(event, ack="delivered")

    with closing(connect(options, autocommit=False)) as connection:
        box = outbox(connection.cursor(), plane=plane)
        box.publish(event)
        connection.execute(_order(options))
        box.publish(event)
        box.publish(make_outcome())
        connection.commit()

    assert _counted(options) == (2, 1)


@on_a_server
async def test_an_event_that_another_transaction_has_just_stored_does_not_doom_it(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given two transactions with one event, When both commit, Then it is there once."""
    event = make_envelope(make_outcome())
    with (
        closing(connect(options, autocommit=False)) as first,
        closing(connect(options, autocommit=False)) as second,
    ):
        publish_in(first, event, plane=plane)
        second.execute(_order(options))
        waiting = asyncio.ensure_future(asyncio.to_thread(publish_in, second, event, plane=plane))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done, "the second did not wait for the first"
        first.commit()
        await waiting
        second.commit()

    assert _counted(options) == (1, 1)


async def test_aioodbc_is_awaited(options: SqlServerOptions, plane: DataPlane) -> None:
    """Given a cursor of aioodbc, When an event is published in it, Then it is one transaction."""
    dsn = target_of(options).text.reveal()
    async with (
        aioodbc.connect(dsn=dsn, autocommit=False) as connection,
        connection.cursor() as cursor,
    ):
        await cursor.execute(_order(options))
        await outbox(cursor, plane=plane).publish(make_outcome())
        before = await asyncio.to_thread(_uncommitted, options)
        await connection.commit()

    assert before == []
    assert _counted(options) == (1, 1)


def _uncommitted(options: SqlServerOptions) -> list[tuple[object, ...]]:
    """Return the orders that another connection sees and does not wait for."""
    return rows(options, "SELECT Id FROM [$(Schema)].[$(Table)Orders] WITH (READPAST)")


async def test_without_a_transaction_it_is_refused(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given a connection that commits by itself, When an event is published, Then it says so."""
    with (
        closing(connect(options)) as connection,
        pytest.raises(RuntimeError, match="no transaction is open"),
    ):
        publish_in(connection, make_outcome(), plane=plane)

    assert _counted(options) == (0, 0)


@pytest.mark.parametrize("settings", [0, XACT_ABORT, NOCOUNT, XACT_ABORT | NOCOUNT])
async def test_the_sessions_settings_are_as_they_were(
    options: SqlServerOptions, plane: DataPlane, settings: int
) -> None:
    """Given the session's settings, When an event is written, Then they are as they were."""
    with closing(connect(options, autocommit=False)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SET XACT_ABORT {'ON' if settings & XACT_ABORT else 'OFF'}")
        cursor.execute(f"SET NOCOUNT {'ON' if settings & NOCOUNT else 'OFF'}")

        publish_in(cursor, make_exposure(), plane=plane)

        found = tuple(cursor.execute(OPEN).fetchone() or ())
        connection.rollback()

    assert found == (1, settings & XACT_ABORT, settings & NOCOUNT)


async def test_a_transaction_begun_by_hand_counts(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given BEGIN TRANSACTION in autocommit, When it commits, Then the event is there."""
    envelope = make_envelope()

    with closing(connect(options, autocommit=True)) as connection:
        connection.execute("BEGIN TRANSACTION").close()
        publish_in(connection, envelope, plane=plane)
        connection.execute("COMMIT TRANSACTION").close()

    assert ids(options) == [envelope.event_id]


async def test_what_is_published_and_written_is_there_once(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given an envelope, When it is published and written too, Then its row is there once."""
    envelope = make_envelope()
    await plane.publish(envelope, ack="delivered")

    with closing(connect(options, autocommit=False)) as connection:
        publish_in(connection, envelope, plane=plane)
        connection.commit()

    assert ids(options) == [envelope.event_id]


async def test_a_missing_table_is_the_drivers_error_with_a_note(
    options: SqlServerOptions,
) -> None:
    """Given a plane whose table is missing, When written to, Then a note says what to do."""
    missing = msgspec.structs.replace(options, auto_migrate=False)
    node = BackplaneOptions(type="sqlServer", options=missing)

    async with DataPlane(DataPlaneOptions(backplane=node, on_failure="drop")) as plane:
        with (
            closing(connect(options, autocommit=False)) as connection,
            pytest.raises(pyodbc.Error) as told,
        ):
            publish_in(connection, make_exposure(), plane=plane)

    assert "experimentframework sqlserver migrate" in told.value.__notes__[0]
