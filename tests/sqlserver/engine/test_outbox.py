"""Events in the application's own transaction: there with its rows, or not at all."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import aioodbc
import msgspec
import pyodbc
import pytest

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core.plugin import OpenContext
from experimentframework_core.status import Receipt
from experimentframework_core.testing import make_envelope, make_exposure
from experimentframework_sqlserver import outbox, plugin, publish_in
from experimentframework_sqlserver._connecting import target_of
from experimentframework_sqlserver._naming import names_of
from tests.sqlserver.engine.database import connect, execute, on_a_server, rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_sqlserver import SqlServerOptions

IDS = "SELECT EventId FROM [$(Schema)].[$(Table)] ORDER BY Id"
OPEN = "SELECT @@TRANCOUNT, @@OPTIONS & 16384, @@OPTIONS & 512"
XACT_ABORT, NOCOUNT = 16384, 512


@pytest.fixture
async def plane(options: SqlServerOptions) -> AsyncIterator[DataPlane]:
    """Yield an open plane whose table is there."""
    async with plugin.open(options, OpenContext(name="table")):
        pass
    node = BackplaneOptions(type="sqlServer", options=options)
    async with DataPlane(DataPlaneOptions(backplane=node, on_failure="drop")) as opened:
        yield opened


def ids(options: SqlServerOptions) -> list[object]:
    return [event_id for (event_id,) in rows(options, IDS)]


async def test_it_is_there_after_the_commit_and_not_before_a_rollback(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given two transactions, When one commits and one does not, Then the one's event is there."""
    kept, lost = make_envelope(), make_envelope()

    with closing(connect(options, autocommit=False)) as connection:
        publish_in(connection, lost, plane=plane)
        connection.rollback()
        publish_in(connection, kept, plane=plane)
        connection.commit()

    assert ids(options) == [kept.event_id]


async def test_it_goes_with_the_applications_own_row(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given a row and an event, When the transaction rolls back, Then neither is there."""
    execute(options, "CREATE TABLE [$(Schema)].[$(Table)Orders] (Id INT PRIMARY KEY)")
    own = names_of(options).within("INSERT INTO [$(Schema)].[$(Table)Orders] (Id) VALUES (?)")

    with closing(connect(options, autocommit=False)) as connection:
        cursor = connection.cursor()
        cursor.execute(own, 1)
        outbox(cursor, plane=plane).publish(make_exposure())
        connection.rollback()

    assert ids(options) == []
    assert rows(options, "SELECT Id FROM [$(Schema)].[$(Table)Orders]") == []


async def test_a_duplicate_is_no_error_and_the_transaction_goes_on(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given XACT_ABORT, When an id comes twice, Then it is there once, and so is what follows."""
    twice, after = make_envelope(), make_envelope()

    with closing(connect(options, autocommit=False)) as connection:
        cursor = connection.cursor()
        cursor.execute("SET XACT_ABORT ON")
        for envelope in (twice, twice, after):
            publish_in(cursor, envelope, plane=plane)
        state = tuple(cursor.execute(OPEN).fetchone() or ())
        connection.commit()

    assert ids(options) == [twice.event_id, after.event_id]
    assert state == (1, XACT_ABORT, 0)


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


@on_a_server
async def test_a_duplicate_that_commits_meanwhile_is_no_error(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given another's open transaction with the same id, When it commits, Then ours goes on."""
    same = make_envelope()
    after = make_envelope()

    with (
        closing(connect(options, autocommit=False)) as other,
        closing(connect(options, autocommit=False)) as ours,
    ):
        ours.execute("SET XACT_ABORT ON").close()
        publish_in(other, same, plane=plane)
        waiting = asyncio.create_task(
            asyncio.to_thread(publish_in, ours, same, plane=plane), name="waiting"
        )
        await asyncio.sleep(0.3)
        other.commit()
        receipt = await waiting
        publish_in(ours, after, plane=plane)
        ours.commit()

    assert isinstance(receipt, Receipt)
    assert receipt.event_id == same.event_id
    assert ids(options) == [same.event_id, after.event_id]


async def test_without_a_transaction_nothing_is_written(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given a connection in autocommit, When an event is published in it, Then it is refused."""
    with (
        closing(connect(options, autocommit=True)) as connection,
        pytest.raises(RuntimeError, match="autocommit=False"),
    ):
        publish_in(connection, make_exposure(), plane=plane)

    assert ids(options) == []


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


async def test_aioodbc_writes_in_its_transaction(
    options: SqlServerOptions, plane: DataPlane
) -> None:
    """Given a connection and a cursor of aioodbc, When it commits, Then both events are there."""
    first, second = make_envelope(), make_envelope()
    connection = await aioodbc.connect(dsn=target_of(options).text.reveal(), autocommit=False)
    cursor = await connection.cursor()

    await publish_in(connection, first, plane=plane)
    await publish_in(cursor, second, plane=plane)
    await connection.commit()
    await publish_in(cursor, make_envelope(), plane=plane)
    await connection.rollback()

    await cursor.close()
    await connection.close()
    assert ids(options) == [first.event_id, second.event_id]
    assert plane.statistics().written_in_transaction == 3


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
