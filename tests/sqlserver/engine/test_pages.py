"""What the pages about SQL Server show, run on an engine."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import pyodbc
import pytest

from experimentframework_core.errors import DeliveryError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_core.units import Secret
from experimentframework_sqlserver import plugin
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._reader import SqlServerReader
from experimentframework_sqlserver._table.retention import purge
from tests.docs.pages import blocks_of, docs
from tests.sqlserver.engine.database import connect, on_a_server, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experimentframework_core.envelope import Record
    from experimentframework_sqlserver import SqlServerOptions

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GRANTS, *QUERIES, PARTITION, NEXT_MONTH = (
    block.code for block in blocks_of(docs / "how-to/look-after-sql-server.md", "sql")
)
UNSUPPORTED = (
    "not currently supported in Babelfish",
    "Un-aligned Index is not supported in Babelfish",
    "syntax error near '[PRIMARY]'",
    'syntax error at or near "WITH"',
)
"""What Babelfish says of partitions that it cannot do."""

PASSWORD = f"Aa1-{token_hex(16)}"
UserWith: TypeAlias = "Callable[[str], SqlServerOptions]"


def of_page(options: SqlServerOptions, text: str) -> str:
    """Return statements of a page for the table of a test."""
    text = text.replace("dbo.ExperimentEvents", f"{options.schema}.{options.table_name}")
    text = text.replace("X_ExperimentEvents_", f"X_{options.table_name}_")
    return text.replace("PK_ExperimentEvents", f"PK_{options.table_name}")


def record(event: msgspec.Struct, minute: int, correlation_id: str | None = None) -> Record:
    """Return an event of so many minutes after noon."""
    at = NOON + timedelta(minutes=minute)
    return make_record(event, timestamp=at, correlation_id=correlation_id)


def exposed(subject: str, variant: str, minute: int, **more: str) -> Record:
    """Return an exposure."""
    return record(make_exposure(subject_id=subject, variant_key=variant), minute, **more)


def did(subject: str, name: str, value: float, minute: int, **more: str) -> Record:
    """Return an outcome."""
    return record(make_outcome(subject_id=subject, name=name, value=value), minute, **more)


EVENTS = [
    exposed("u-1", "a", 1, correlation_id="request-7"),
    exposed("u-2", "a", 1),
    exposed("u-3", "b", 1),
    exposed("U-3", "b", 1),
    exposed("u-4", "a", 1),
    exposed("u-4", "b", 2),
    did("u-1", "purchase", 1, 3, correlation_id="request-7"),
    did("u-1", "revenue", 12.5, 3, correlation_id="request-7"),
    did("u-2", "purchase", 1, 0),
    did("u-3", "purchase", 1, 5),
    did("u-3", "revenue", 30, 5),
    did("u-3", "revenue", 0.25, 6),
    did("U-3", "purchase", 0, 6),
    did("u-9", "purchase", 1, 6),
]


async def store(options: SqlServerOptions) -> None:
    """Deliver the events."""
    async with plugin.open(options, OpenContext(name="sql")) as backplane:
        await backplane.deliver(EVENTS)


@on_a_server
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, [("a", 3), ("b", 2)]),
        (1, [("a", 3, 1, 12.5), ("b", 2, 1, 30.25)]),
        (2, [("checkout", 0.2, 1)]),
        (3, [("u-4", 2)]),
        (4, ["exposure", "outcome", "outcome"]),
    ],
)
async def test_a_query_finds_what_the_page_says(
    options: SqlServerOptions, number: int, expected: list[object]
) -> None:
    """Given known events, When a query of the page is run, Then it finds what they are."""
    await store(options)

    found = _rows(options, of_page(options, QUERIES[number]))

    if number == 4:
        assert [row[1] for row in found] == expected
    elif number == 3:
        assert [row[:2] for row in found] == expected
    else:
        assert found == [pytest.approx(row) if number == 2 else row for row in expected]


def test_there_are_five_queries() -> None:
    assert len(QUERIES) == 5


def _rows(options: SqlServerOptions, query: str) -> list[tuple[object, ...]]:
    with closing(connect(options)) as connection:
        connection.add_output_converter(-155, lambda value: value)
        return [tuple(row) for row in connection.execute(query).fetchall()]


@pytest.fixture
def user_with(options: SqlServerOptions) -> Iterator[UserWith]:
    """Yield what makes a user that has one of the page's roles, and no other right."""
    prefix = f"ef_{token_hex(4)}"
    made: list[str] = []
    with closing(connect(options)) as connection:

        def make(role: str) -> SqlServerOptions:
            if not made:
                connection.execute(of_page(options, GRANTS.replace(" experiment_", f" {prefix}_")))
            name = f"{prefix}_user_{role}"
            made.append(name)
            connection.execute(f"CREATE LOGIN {name} WITH PASSWORD = '{PASSWORD}'")
            connection.execute(f"CREATE USER {name} FOR LOGIN {name}")
            connection.execute(f"ALTER ROLE {prefix}_{role} ADD MEMBER {name}")
            return as_user(options, name)

        yield make
        for name in made:
            connection.execute(f"DROP USER {name}")
            connection.execute(f"DROP LOGIN {name}")


def as_user(options: SqlServerOptions, name: str) -> SqlServerOptions:
    """Return options with which another user signs in."""
    said = ("uid", "user id", "pwd", "password")
    parts = [part for part in options.connection_string.reveal().split(";") if part.strip()]
    kept = [part for part in parts if part.partition("=")[0].strip().lower() not in said]
    text = ";".join([*kept, f"UID={name}", f"PWD={PASSWORD}"])
    return msgspec.structs.replace(options, connection_string=Secret(text), auto_migrate=False)


async def _purge(options: SqlServerOptions) -> int | None:
    pool = open_pool(options, size=1)
    try:
        return await purge(pool, options, NOON + timedelta(days=1), slice_size=100)
    finally:
        await pool.close()


@on_a_server
async def test_who_writes_needs_no_more_than_the_page_grants(
    options: SqlServerOptions, user_with: UserWith
) -> None:
    """Given the role of a writer, When it delivers twice, Then each is stored, and it stays so."""
    async with plugin.open(options, OpenContext(name="sql")):
        pass
    writer = user_with("writer")

    await store(writer)
    await store(writer)

    assert rows(options, "SELECT COUNT(*) FROM [$(Schema)].[$(Table)]") == [(len(EVENTS),)]
    with pytest.raises(DeliveryError, match="cannot remove old events"):
        await _purge(writer)


@on_a_server
async def test_who_reads_needs_no_more_than_the_page_grants(
    options: SqlServerOptions, user_with: UserWith
) -> None:
    """Given the role of a reader, When it reads and asks, Then all is there, and it stays so."""
    await store(options)
    reader = user_with("reader")

    found = [envelope async for envelope in SqlServerReader(reader, Selection())]
    asked = [_rows(reader, of_page(options, query)) for query in QUERIES]

    assert len(found) == len(EVENTS)
    assert all(asked)
    with pytest.raises(DeliveryError, match="cannot write to the table"):
        await store(reader)


@on_a_server
async def test_who_removes_needs_no_more_than_the_page_grants(
    options: SqlServerOptions, user_with: UserWith
) -> None:
    """Given the role of a keeper, When it removes old events, Then they go; it cannot write."""
    await store(options)
    keeper = user_with("keeper")

    removed = await _purge(keeper)

    assert removed == len(EVENTS)
    with pytest.raises(DeliveryError, match="cannot write to the table"):
        await store(keeper)


@on_a_server
async def test_the_partitions_of_the_page_can_be_made(options: SqlServerOptions) -> None:
    """Given the page's partitions, When made and moved on, Then events are stored and read there.

    Babelfish makes the function and the scheme, and says of the rest that it cannot.
    """
    async with plugin.open(options, OpenContext(name="sql")):
        pass
    [(version,)] = rows(options, "SELECT CAST(@@VERSION AS NVARCHAR(300))")
    refused: list[str] = []

    for batch in re.split(r"(?m)^GO$", of_page(options, f"{PARTITION}\nGO\n{NEXT_MONTH}")):
        try:
            with closing(connect(options)) as connection:
                connection.execute(batch)
        except pyodbc.Error as error:
            refused.append(str(error))

    await store(options)
    found = [envelope async for envelope in SqlServerReader(options, Selection())]
    assert len(found) == len(EVENTS)
    if "Babelfish" in str(version):
        assert all(any(known in said for known in UNSUPPORTED) for said in refused)
    else:
        assert refused == []
