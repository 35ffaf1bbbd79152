"""Events in an application's own transaction, and migrations, while the server misbehaves."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pyodbc
import pytest

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core.errors import DeliveryError, TransientError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_envelope, make_records
from experimentframework_sqlserver import SqlServerOptions, outbox, plugin
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._table.migrating import migrate
from tests.peers.tds.faults import Fault
from tests.sqlserver.engine.database import connect
from tests.sqlserver.peer.deliveries import once, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.tds.peer import TdsPeer

ORDERS = "SELECT Id FROM [dbo.Orders] ORDER BY Id"
CONTEXT = OpenContext(name="events")


@pytest.fixture
async def plane(options: SqlServerOptions) -> AsyncIterator[DataPlane]:
    """Yield an open plane whose table is there, beside one of orders."""
    async with plugin.open(options, CONTEXT):
        pass
    with closing(connect(options)) as connection:
        connection.execute("CREATE TABLE [dbo].[Orders] (Id INT NOT NULL PRIMARY KEY)")
    node = BackplaneOptions(type="sqlServer", options=options)
    async with DataPlane(DataPlaneOptions(backplane=node, on_failure="drop")) as opened:
        yield opened


def order(connection: pyodbc.Connection, number: int) -> None:
    connection.execute("INSERT INTO [dbo].[Orders] (Id) VALUES (?)", number).close()


async def test_a_duplicate_in_the_insert_does_not_doom_the_transaction(
    options: SqlServerOptions, plane: DataPlane, peer: TdsPeer, database: str
) -> None:
    """Given another transaction stores the event in between, When it is met, Then all goes on."""
    first, second = make_envelope(), make_envelope()
    duplicate = Fault(
        what="error", at="query", number=2601, message="duplicate", matching="ExperimentEvents"
    )

    with closing(connect(options, autocommit=False)) as connection:
        order(connection, 1)
        peer.inject(duplicate)
        outbox(connection, plane=plane).publish(first)
        outbox(connection, plane=plane).publish(second)
        order(connection, 2)
        connection.commit()

    assert peer.state.faults == 0
    assert peer.rows(database, ORDERS) == [(1,), (2,)]
    assert stored(peer, database) == {second.event_id: 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(what="error", number=1205, message="deadlock", dooms=True, severity=13),
        Fault(what="cut"),
    ],
    ids=["deadlock", "cut"],
)
async def test_an_event_and_its_row_are_lost_together(
    options: SqlServerOptions, plane: DataPlane, peer: TdsPeer, database: str, fault: Fault
) -> None:
    """Given the transaction ends by a fault, When it is over, Then neither of them is there."""
    with closing(connect(options, autocommit=False)) as connection:
        outbox(connection, plane=plane).publish(make_envelope())
        peer.inject(fault)
        with pytest.raises(pyodbc.Error):
            order(connection, 1)

    assert peer.rows(database, ORDERS) == []
    assert stored(peer, database) == {}


async def test_an_unanswered_commit_has_both(
    options: SqlServerOptions, plane: DataPlane, peer: TdsPeer, database: str
) -> None:
    """Given a commit whose answer is lost, When it is looked at, Then both are there, once."""
    event = make_envelope()

    with closing(connect(options, autocommit=False)) as connection:
        order(connection, 1)
        outbox(connection, plane=plane).publish(event)
        peer.inject(Fault(what="cut", at="commit", after=True))
        with pytest.raises(pyodbc.OperationalError):
            connection.commit()
    with closing(connect(options, autocommit=False)) as connection:
        outbox(connection, plane=plane).publish(event)
        connection.commit()

    assert peer.rows(database, ORDERS) == [(1,)]
    assert stored(peer, database) == {event.event_id: 1}


@pytest.mark.parametrize("place", range(8))
async def test_a_migration_that_is_cut_leaves_nothing_half_made(
    options: SqlServerOptions, peer: TdsPeer, database: str, place: int
) -> None:
    """Given a cut after any of its statements, When migrated again, Then all is made, once."""
    tables = "SELECT name FROM sqlite_master WHERE name LIKE 'dbo.%' AND type = 'table'"
    pool = open_pool(options)
    peer.inject(Fault(what="cut", matching="CREATE", skip=place, after=True))

    with pytest.raises(TransientError):
        await migrate(pool, options)
    left = peer.rows(database, tables)
    done = await migrate(pool, options)
    await pool.close()

    assert peer.state.faults == 0
    assert left == []
    assert len(done.applied) == done.version
    assert len(peer.rows(database, tables)) == 2


async def test_a_reader_outlives_cuts_between_its_pages(
    options: SqlServerOptions, peer: TdsPeer
) -> None:
    """Given cuts while it reads, When it is done, Then it has read each event once."""
    records = make_records(500)
    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(records)
    assert plugin.read is not None

    reader = plugin.read(options, Selection())
    found = [(await anext(reader)).event_id]
    peer.inject(*[Fault(what="cut", matching="ExperimentEvents", skip=at) for at in (0, 1)])
    found += [envelope.event_id async for envelope in reader]

    assert peer.state.faults == 0
    assert {event_id: found.count(event_id) for event_id in found} == once(records)


async def test_a_reader_gives_up_where_nobody_answers(
    options: SqlServerOptions, peer: TdsPeer
) -> None:
    """Given cuts without end, When it reads, Then it says so after some tries."""
    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(make_records(5))
    assert plugin.read is not None
    peer.inject(Fault(what="cut", matching="ExperimentEvents", times=-1))

    with pytest.raises(DeliveryError, match="cannot read the table"):
        async for _ in plugin.read(options, Selection()):
            pass
