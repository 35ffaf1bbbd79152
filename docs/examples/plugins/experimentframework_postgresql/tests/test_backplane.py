"""What becomes of batches in the table."""

from __future__ import annotations

import asyncio
import gc
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.errors import PermanentError, TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext, Pingable, Selection
from experimentframework_core.testing import make_exposure, make_outcome, make_record, make_records
from experimentframework_core.units import Secret
from experimentframework_postgresql import plugin

if TYPE_CHECKING:
    import asyncpg

    from conftest import MakeOptions
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from experimentframework_postgresql import PostgreSqlOptions
    from postgresql_server import PostgreSqlServer

context = OpenContext(name="events")


async def stored(options: PostgreSqlOptions) -> list[Record]:
    """Return what is in the table, in order."""
    assert plugin.read_records is not None
    return [record async for record in plugin.read_records(options, Selection())]


async def busy(database: asyncpg.Connection, options: PostgreSqlOptions) -> list[int]:
    """Return the processes of the server that wait for a lock while they write to the table."""
    rows = await database.fetch(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1",
        f"%INSERT INTO%{options.table_name}%",
    )
    return [row["pid"] for row in rows]


async def until_waiting(database: asyncpg.Connection, options: PostgreSqlOptions) -> int:
    """Return the process of the server that has begun to wait for a lock."""
    while not (found := await busy(database, options)):  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(0.01)
    return found[0]


async def test_every_event_that_can_be_published_is_stored(options: PostgreSqlOptions) -> None:
    """Given texts with a NUL, When they are delivered, Then they are stored byte for byte."""
    records = [
        make_record(make_exposure(subject_id="a\0b", attributes={"text": "\0", "\0": 1})),
        make_record(correlation_id="\0request"),
        make_record(make_exposure(experiment_name="\N{PILE OF POO}" * 128, subject_id="é" * 256)),
        make_record(event_id="x" * 128),
    ]

    async with plugin.open(options, context) as backplane:
        await backplane.deliver(records)

    assert await stored(options) == records


async def test_a_subject_with_a_nul_is_found(options: PostgreSqlOptions) -> None:
    """Given subjects that differ in a NUL only, When one is read, Then only its events come."""
    records = [
        make_record(make_exposure(subject_id=subject)) for subject in ("a\0b", "a\u2400b", "ab")
    ]
    async with plugin.open(options, context) as backplane:
        await backplane.deliver(records)
    assert plugin.read is not None

    found = [each async for each in plugin.read(options, Selection(subjects=("a\0b",)))]

    assert [each.payload.subject_id for each in found] == ["a\0b"]


async def test_columns_find_events(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given an event, When SQL asks for its columns, Then they are the envelope's."""
    record = make_record(make_exposure(tenant_id="acme"), correlation_id="request-1")
    async with plugin.open(options, context) as backplane:
        await backplane.deliver([record])

    row = await database.fetchrow(
        'SELECT event_id, "timestamp", event_type, schema_version, experiment, variant, subject,'
        f" tenant, correlation_id, body::json->'payload'->>'tenantId' FROM {options.table_name}"
    )

    assert tuple(row) == (
        record.event_id,
        record.timestamp,
        "exposure",
        "1.0.0",
        "checkout",
        "express",
        record.subject,
        "acme",
        "request-1",
        "acme",
    )


async def test_a_batch_is_one_transaction(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given 1,000 records, When they are delivered, Then one transaction has written them."""
    async with plugin.open(options, context) as backplane:
        await backplane.deliver(make_records(1000))

    [(transactions, rows)] = await database.fetch(
        f'SELECT count(DISTINCT "transaction"::text), count(*) FROM {options.table_name}'
    )
    assert (transactions, rows) == (1, 1000)


async def test_a_refusal_does_not_show_the_event(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a constraint, When a record breaks it, Then the error has none of its values."""
    record = make_record(make_exposure(subject_id="somebody"))
    async with plugin.open(options, context) as backplane:
        await database.execute(
            f"ALTER TABLE {options.table_name} ADD CHECK (subject <> 'somebody')"
        )

        with pytest.raises(PermanentError, match="a constraint of the table refuses it") as raised:
            await backplane.deliver([record])

    assert "somebody" not in str(raised.value)


async def test_a_cancelled_delivery_is_cancelled_at_the_server(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a statement that waits, When its delivery is cancelled, Then the server ends it."""
    async with (
        plugin.open(options, context) as backplane,
        asyncio.timeout(30),
        database.transaction(),
    ):
        await database.execute(f"LOCK TABLE {options.table_name}")
        delivering = asyncio.ensure_future(backplane.deliver(make_records(3)))
        await until_waiting(database, options)

        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering

        while await busy(database, options):  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.01)

    assert await stored(options) == []


async def test_a_statement_that_takes_too_long_is_given_up(
    make_options: MakeOptions, database: asyncpg.Connection
) -> None:
    """Given a locked table, When the command timeout is over, Then the error is transient."""
    options = make_options(command_timeout_seconds=1)
    records = make_records(3)
    async with plugin.open(options, context) as backplane:
        async with database.transaction():
            await database.execute(f"LOCK TABLE {options.table_name}")

            with pytest.raises(TransientError, match="the server did not answer in time"):
                await backplane.deliver(records)

        await backplane.deliver(records)

    assert await stored(options) == records


async def test_ping_answers_while_a_delivery_is_under_way(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a delivery that waits, When the backplane is pinged, Then it answers."""
    records = make_records(1)
    async with plugin.open(options, context) as backplane, asyncio.timeout(30):
        assert isinstance(backplane, Pingable)
        await backplane.deliver(records)
        async with database.transaction():
            await database.execute(f"DELETE FROM {options.table_name}")
            delivering = asyncio.ensure_future(backplane.deliver(records))
            await until_waiting(database, options)

            await backplane.ping()

        await delivering

    assert await stored(options) == records


async def test_a_connection_that_is_ended_is_made_anew(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a statement that waits, When its connection is ended, Then a retry stores it once."""
    records = make_records(3)
    async with plugin.open(options, context) as backplane, asyncio.timeout(30):
        async with database.transaction():
            await database.execute(f"LOCK TABLE {options.table_name}")
            delivering = asyncio.ensure_future(backplane.deliver(records))
            process = await until_waiting(database, options)

            await database.execute("SELECT pg_terminate_backend($1)", process)

            with pytest.raises(
                TransientError, match=r"terminating connection|connection was closed"
            ):
                await delivering
        await backplane.deliver(records)

    assert await stored(options) == records


async def test_a_wrong_password_must_be_changed(make_options: MakeOptions) -> None:
    """Given a wrong password, When it is opened, Then somebody must act, and it is not shown."""
    options = make_options(password=Secret("guessed"))

    with pytest.raises(UnavailableError, match="refuses the password") as raised:
        await opened(options)

    assert "guessed" not in str(raised.value)


async def opened(options: PostgreSqlOptions) -> Backplane:
    """Open a backplane and close it."""
    async with plugin.open(options, context) as backplane:
        return backplane


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"auto_migrate": False}, "the table is missing; say autoMigrate: true"),
        ({"auto_migrate": False, "schema": "nowhere"}, "the schema is missing|table is missing"),
    ],
)
async def test_a_missing_table_must_be_made(
    given: dict[str, object], says: str, make_options: MakeOptions
) -> None:
    """Given no table, When it is opened, Then the error says how to make it."""
    options = make_options(**given)

    with pytest.raises(UnavailableError, match=says):
        await opened(options)


async def test_a_missing_database_must_be_made(
    make_options: MakeOptions, server: PostgreSqlServer
) -> None:
    """Given a database that is not there, When it is opened, Then the error says so."""
    options = make_options(connection_string=Secret(server.url("shop")))

    with pytest.raises(UnavailableError, match="there is no such database"):
        await opened(options)


async def test_a_server_without_tls_is_said(
    make_options: MakeOptions, server: PostgreSqlServer
) -> None:
    """Given `sslmode=require`, When the server has no TLS, Then the error says what to change."""
    options = make_options(connection_string=Secret(f"{server.url()}?sslmode=require"))

    with pytest.raises(UnavailableError, match="see sslmode"):
        await opened(options)


async def test_a_database_of_another_encoding_is_refused(
    make_options: MakeOptions, server: PostgreSqlServer, database: asyncpg.Connection
) -> None:
    """Given a database in LATIN1, When it is opened, Then the error says what to make."""
    await database.execute("CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0")
    options = make_options(connection_string=Secret(server.url("old")))

    with pytest.raises(UnavailableError, match="ENCODING 'UTF8'"):
        await opened(options)


async def test_the_rights_that_are_said_are_enough(
    options: PostgreSqlOptions, database: asyncpg.Connection, server: PostgreSqlServer
) -> None:
    """Given a user with the rights of the message, When it writes and reads, Then it may."""
    await opened(options)
    await database.execute("CREATE ROLE writer LOGIN PASSWORD 'plain'")
    writer = msgspec.structs.replace(
        options,
        connection_string=Secret(server.url().replace("postgres@", "writer@")),
        password=Secret("plain"),
    )
    with pytest.raises(UnavailableError, match="grant it SELECT and INSERT"):
        await opened(msgspec.structs.replace(writer, auto_migrate=False))
    await database.execute(f"GRANT SELECT, INSERT ON {options.table_name} TO writer")
    records = make_records(2)

    async with plugin.open(msgspec.structs.replace(writer, auto_migrate=False), context) as it:
        await it.deliver(records)

    assert await stored(writer) == records


async def test_a_server_that_takes_no_writes_is_said(
    options: PostgreSqlOptions, server: PostgreSqlServer
) -> None:
    """Given a session that is read only, When it is opened, Then the primary is to be named."""
    await opened(options)
    read_only = f"{server.url()}?default_transaction_read_only=on"

    with pytest.raises(UnavailableError, match="takes no writes, as a standby does"):
        await opened(msgspec.structs.replace(options, connection_string=Secret(read_only)))


async def test_the_queries_of_the_readme_count(
    make_options: MakeOptions, database: asyncpg.Connection
) -> None:
    """Given two exposed subjects, one converted, When the README's SQL runs, Then it says so."""
    options = make_options(schema="readme", table_name="experiment_events")
    subjects = [make_record(make_exposure(subject_id=each)) for each in ("u-1", "u-2")]
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (query,) = re.findall(r"^```sql\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    (removal,) = re.findall(r"`(DELETE .*?)`", readme)
    async with plugin.open(options, context) as backplane:
        await backplane.deliver([*subjects, make_record(make_outcome(subject_id="u-2"))])
    await database.execute("SET search_path TO readme")

    counted = await database.fetch(query)
    removed = await database.execute(removal)

    assert [tuple(row) for row in counted] == [("express", 2, 1)]
    assert removed == "DELETE 0"


def open_files() -> int:
    """Return how many files and sockets this process has, where the system tells."""
    files = Path("/proc/self/fd")
    return len(list(files.iterdir())) if files.exists() else 0


async def test_nothing_is_left_open_whenever_it_is_cancelled(
    options: PostgreSqlOptions, caplog: pytest.LogCaptureFixture
) -> None:
    """Given deliveries, When each is cancelled a little later, Then no socket and no word stays.

    Half of them are cancelled while the connection of the one before is given up and made anew.
    """
    records = make_records(5)
    async with plugin.open(options, context):
        pass
    before = open_files()

    async with plugin.open(options, context) as backplane:
        for turns in range(80):
            for _ in range(2):
                delivering = asyncio.ensure_future(backplane.deliver(records))
                for _ in range(turns // 2):
                    await asyncio.sleep(0)
                delivering.cancel()
                await asyncio.wait((delivering,))
        await backplane.deliver(records)

    gc.collect()
    assert open_files() == before
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
    assert await stored(options) == records
