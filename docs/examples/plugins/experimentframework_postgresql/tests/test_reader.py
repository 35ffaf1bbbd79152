"""Reading back, while others write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from experimentframework_core.errors import ReplayError, TransientError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_record, make_records
from experimentframework_core.units import Secret
from experimentframework_postgresql import plugin
from experimentframework_postgresql._checkpoint import Position
from experimentframework_postgresql._reader import read_records
from postgresql_server import PostgreSqlServer, free_port

if TYPE_CHECKING:
    from conftest import MakeOptions
    from experimentframework_core.envelope import Record
    from experimentframework_postgresql import PostgreSqlOptions

context = OpenContext(name="events")


async def deliver(options: PostgreSqlOptions, *records: Record) -> None:
    """Store the records."""
    async with plugin.open(options, context) as backplane:
        await backplane.deliver(records)


async def insert(
    connection: asyncpg.Connection, options: PostgreSqlOptions, record: Record
) -> None:
    """Store a record in the connection's transaction."""
    await connection.execute(
        f'INSERT INTO "{options.table_name}" (event_id, "timestamp", event_type, schema_version,'
        " body) VALUES ($1, $2, $3, $4, $5)",
        record.event_id,
        record.timestamp,
        record.event_type,
        record.schema_version,
        record.body.decode(),
    )


async def read(
    options: PostgreSqlOptions, checkpoint: str | None = None
) -> tuple[list[Record], str | None]:
    """Read to the end, and return what came and where the reading stands then."""
    reader = read_records(options, Selection(checkpoint=checkpoint))
    found = [record async for record in reader]
    return found, reader.checkpoint


async def test_a_transaction_that_commits_late_is_read_later(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given an open transaction, When others overtake it, Then nothing is lost or comes twice."""
    early, late, overtaking, behind = make_records(4)
    await deliver(options, early)
    async with database.transaction():
        await insert(database, options, late)
        await deliver(options, overtaking)

        first, stood = await read(options)

    await deliver(options, behind)
    second, stood = await read(options, stood)
    third, _ = await read(options, stood)
    assert (first, second, third) == ([early, overtaking], [late, behind], [])


async def test_a_reading_is_resumed_in_the_middle_of_a_snapshot(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a reading that was left, When another overtook, Then the rest comes, each once."""
    one, two, late, overtaking = make_records(4)
    await deliver(options, one, two)
    async with database.transaction():
        await insert(database, options, late)
        await deliver(options, overtaking)
        reader = read_records(options, Selection())
        first = await anext(reader)
        stood = reader.checkpoint
        await reader.aclose()

    rest, _ = await read(options, stood)

    assert first == one
    assert rest == [two, overtaking, late]


async def test_odd_names_are_read(make_options: MakeOptions) -> None:
    """Given names with quotes, When events were stored, Then they are read, and read on."""
    one, two = make_records(2)
    options = make_options(schema='it\'s "theirs"', table_name="'events'")
    await deliver(options, one)
    first, stood = await read(options)
    await deliver(options, two)

    found, _ = await read(options, stood)

    assert (first, found) == ([one], [two])


async def test_a_rolled_back_transaction_is_not_waited_for(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a transaction that is undone, When it is read on, Then only what is there comes."""
    undone, there = make_records(2)
    transaction = database.transaction()
    await deliver(options)
    await transaction.start()
    await insert(database, options, undone)
    _, stood = await read(options)
    await transaction.rollback()
    await deliver(options, there)

    found, _ = await read(options, stood)

    assert found == [there]


async def test_many_writers_and_a_follower(options: PostgreSqlOptions) -> None:
    """Given five writers at once, When a reader follows, Then each event comes once, in order."""
    batches = [[make_records(20) for _ in range(10)] for _ in range(5)]
    expected = {record.body for lane in batches for batch in lane for record in batch}
    await deliver(options)
    reader = read_records(options, Selection(follow=True))
    found: list[bytes] = []

    async def write(lane: list[list[Record]]) -> None:
        async with plugin.open(options, context) as backplane:
            for batch in lane:
                await backplane.deliver(batch)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for lane in batches:
            tasks.create_task(write(lane))
        while len(found) < len(expected):
            found.append((await anext(reader)).body)
    await reader.aclose()

    assert len(found) == len(expected)
    assert set(found) == expected
    places = {body: place for place, body in enumerate(found)}
    for lane in batches:
        in_order = [places[record.body] for batch in lane for record in batch]
        assert in_order == sorted(in_order)


async def test_large_events_come_in_small_pages(options: PostgreSqlOptions) -> None:
    """Given events of 100 KiB, When they are read, Then all of them come."""
    records = [make_record(metadata={"large": "x" * 100_000}) for _ in range(120)]
    records += make_records(500)
    await deliver(options, *records)

    found, _ = await read(options)

    assert found == records


async def test_transactions_are_in_the_order_of_their_numbers(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given transactions of one to three digits, When they are read, Then all come in order."""
    records = make_records(400)
    await deliver(options, *records)
    await database.execute(
        f'UPDATE {options.table_name} SET "transaction" = (position + 2)::text::xid8'
    )

    found, _ = await read(options)

    assert found == records


async def test_a_table_that_was_made_anew_is_another(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a checkpoint, When the table is dropped and made again, Then it is refused."""
    await deliver(options, *make_records(2))
    _, stood = await read(options)
    await database.execute(f"DROP TABLE {options.table_name}, {options.table_name}_migrations")
    await deliver(options, *make_records(2))

    with pytest.raises(ReplayError, match="on another server or made anew; read from the begin"):
        await read(options, stood)


async def test_a_checkpoint_of_another_server_is_refused(options: PostgreSqlOptions) -> None:
    """Given a checkpoint of another server, When it is read on, Then it is refused."""
    await deliver(options, *make_records(2))

    with pytest.raises(ReplayError, match="it is one of the table 1/2, and this is"):
        await read(options, str(Position("1/2", seen="9:9:")))


async def test_a_restored_table_says_what_to_run(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given rows of another server's transactions, When read, Then the error's cure is one."""
    records = make_records(3)
    await deliver(options, *records)
    await database.execute(f"UPDATE {options.table_name} SET \"transaction\" = '9000000000'")
    with pytest.raises(ReplayError, match="it was restored from another server") as raised:
        await read(options)

    await database.execute(str(raised.value).partition("run once: ")[2])

    found, _ = await read(options)
    assert found == records


async def test_an_outage_is_no_end(options: PostgreSqlOptions) -> None:
    """Given nothing listens, When it is read twice, Then both say so, and neither is an end."""
    nowhere = Secret(f"postgresql://postgres@127.0.0.1:{free_port()}/postgres")
    reader = read_records(msgspec.structs.replace(options, connection_string=nowhere), Selection())

    for _ in range(2):
        with pytest.raises(TransientError, match="the server cannot be reached"):
            await anext(reader)


async def test_a_reading_goes_on_after_a_lost_connection(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a follower, When its connection is ended between two pages, Then it goes on."""
    first, second = make_records(2)
    await deliver(options, first)
    reader = read_records(options, Selection(follow=True))
    found = [await anext(reader)]
    await database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ="
        " 'experimentframework'"
    )
    await deliver(options, second)

    found.append(await anext(reader))

    await reader.aclose()
    assert found == [first, second]


async def test_a_standby_holds_back_what_it_cannot_tell(
    options: PostgreSqlOptions, database: asyncpg.Connection, server: PostgreSqlServer
) -> None:
    """Given an open transaction, When a standby is read, Then nothing is lost or comes twice."""
    early, late, overtaking = make_records(3)
    await deliver(options, early)
    with PostgreSqlServer(standby_of=server) as standby:
        there = msgspec.structs.replace(options, connection_string=Secret(standby.url()))
        repeating = await asyncpg.connect(standby.url(), password=standby.password)
        async with database.transaction():
            await insert(database, options, late)
            await deliver(options, overtaking)
            await repeated(database, repeating)

            first, stood = await read(there)

        await repeated(database, repeating)
        second, _ = await read(there, stood)
        await repeating.close()

    assert first == [early]
    assert second == [late, overtaking]


async def repeated(primary: asyncpg.Connection, standby: asyncpg.Connection) -> None:
    """Wait until the standby has done all that the primary did."""
    done = await primary.fetchval("SELECT pg_current_wal_flush_lsn()::text")
    behind = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
    async with asyncio.timeout(20):
        while not await standby.fetchval(behind, done):  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.02)
