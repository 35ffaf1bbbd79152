"""Reading back, on an engine: late transactions, checkpoints, rows of .NET, pages."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.codec import decode
from experimentframework_core.errors import ReplayError, UnavailableError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_sqlserver import plugin
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._reader import SqlServerReader
from experimentframework_sqlserver._reading import pages, progress
from experimentframework_sqlserver._writing.insert import Insert
from experimentframework_sqlserver._writing.rows import rows_of
from tests.sqlserver.engine import dotnet
from tests.sqlserver.engine.database import execute, on_a_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_sqlserver import SqlServerOptions
    from experimentframework_sqlserver._connection.session import Session

EVENTS_OF_DOTNET = Path(__file__).parents[2] / "core" / "data" / "dotnet"


@asynccontextmanager
async def transaction(
    options: SqlServerOptions, records: Sequence[Record]
) -> AsyncIterator[Session]:
    """Yield a session in whose open transaction the records are stored."""
    pool = open_pool(options, size=1)
    try:
        async with pool.session() as session:
            rows = rows_of(records)
            await session.run(Insert(options).statements(rows).always, rows.json)
            yield session
    finally:
        await pool.close()


async def store(options: SqlServerOptions, records: Sequence[Record]) -> None:
    """Deliver some records."""
    async with plugin.open(options, OpenContext(name="sql")) as backplane:
        await backplane.deliver(records)


async def ids(reader: SqlServerReader) -> list[str]:
    """Return the ids of all events that a reader gives."""
    async with aclosing(reader):
        return [envelope.event_id async for envelope in reader]


def of_me() -> Record:
    return make_record(make_exposure(subject_id="me"))


def ids_of(records: Sequence[Record]) -> list[str]:
    return [record.event_id for record in records]


@on_a_server
async def test_what_commits_late_is_read_late(options: SqlServerOptions) -> None:
    """Given an open transaction with lower Ids, When it commits, Then who follows gets it too."""
    late, early = make_records(2), make_records(3)
    await store(options, [])
    reader = SqlServerReader(options, Selection(follow=True))

    async with transaction(options, late) as session, aclosing(reader), asyncio.timeout(30):
        await store(options, early)
        first = [(await anext(reader)).event_id for _ in early]
        await session.commit()
        then = [(await anext(reader)).event_id for _ in late]

    assert first == ids_of(early)
    assert then == ids_of(late)


@on_a_server
async def test_a_checkpoint_remembers_what_had_not_committed(options: SqlServerOptions) -> None:
    """Given a reading that ended beside an open transaction, When resumed, Then it is not lost."""
    late, early = make_records(2), make_records(3)
    await store(options, [])
    async with transaction(options, late) as session:
        await store(options, early)
        reader = SqlServerReader(options, Selection())
        first = await ids(reader)
        await session.commit()

    resumed = SqlServerReader(options, Selection(checkpoint=reader.checkpoint))
    then = await ids(resumed)

    assert (first, then) == (ids_of(early), ids_of(late))
    assert await ids(SqlServerReader(options, Selection(checkpoint=resumed.checkpoint))) == []


@on_a_server
async def test_what_was_rolled_back_is_not_waited_for_for_ever(
    options: SqlServerOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a transaction that was rolled back, When its time is over, Then it is forgotten."""
    await store(options, [])
    async with transaction(options, make_records(2)):
        await store(options, make_records(1))
        reader = SqlServerReader(options, Selection())
        await ids(reader)
    assert '"missing":[[1,2,' in str(reader.checkpoint)

    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    later = SqlServerReader(options, Selection(checkpoint=reader.checkpoint))
    await ids(later)

    assert later.checkpoint == '{"after":3}'


@pytest.mark.parametrize("patience", [0.0, 600.0])
async def test_everything_is_read_page_by_page(
    options: SqlServerOptions, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """Given more rows than a page has, When they are read, Then each comes once, in order.

    As rows that are settled, and as rows beside which others may still come.
    """
    records = make_records(57)
    await store(options, records)
    monkeypatch.setattr(pages, "PATIENCE", patience)
    monkeypatch.setattr(pages, "_FIRST_ROWS", 5)
    monkeypatch.setattr(pages, "_MOST_ROWS", 20)

    found = await ids(SqlServerReader(options, Selection()))

    assert found == ids_of(records)


@pytest.mark.parametrize("patience", [0.0, 600.0])
async def test_a_selection_is_read_over_what_is_between(
    options: SqlServerOptions, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """Given few selected rows among many, When they are read, Then only they come."""
    before, wanted, after = make_records(15), [of_me(), of_me()], make_records(15)
    await store(options, [*before, *wanted, *after])
    monkeypatch.setattr(pages, "PATIENCE", patience)
    monkeypatch.setattr(pages, "_FIRST_ROWS", 5)
    monkeypatch.setattr(pages, "_MOST_ROWS", 5)

    found = await ids(SqlServerReader(options, Selection(subjects=("me",))))

    assert found == ids_of(wanted)


async def test_a_missing_table_says_which_command_to_run(options: SqlServerOptions) -> None:
    """Given no table, When it is read, Then it says what makes it."""
    reader = SqlServerReader(options, Selection())

    with pytest.raises(UnavailableError, match="experimentframework sqlserver migrate"):
        await anext(reader)


async def test_a_row_that_is_no_event_is_named_and_can_be_passed(
    options: SqlServerOptions,
) -> None:
    """Given a row that somebody broke, When it is read, Then its Id and a way on are told."""
    records = make_records(3)
    await store(options, records)
    execute(options, "UPDATE [$(Schema)].[$(Table)] SET PayloadJson = N'{broken' WHERE Id = 2")
    reader = SqlServerReader(options, Selection())

    with pytest.raises(ReplayError, match=r"row with Id 2: .* \{\"after\":2\}") as told:
        _ = [envelope async for envelope in reader]
    behind = SqlServerReader(options, Selection(checkpoint=reader.checkpoint))

    assert b'"payload":"{broken"' in (told.value.record or b"")
    assert await ids(behind) == [records[2].event_id]
    assert await ids(reader) == [records[2].event_id]


async def test_rows_removed_behind_a_checkpoint_are_told(options: SqlServerOptions) -> None:
    """Given rows were removed that come next, When resumed, Then it tells how many and goes on."""
    records = make_records(6)
    await store(options, records)
    execute(options, "DELETE FROM [$(Schema)].[$(Table)] WHERE Id <= 5")
    removed = SqlServerReader(options, Selection(checkpoint='{"after":2}'))

    with pytest.raises(ReplayError, match=r"the rows with Ids 3 to 5: .* 3 events") as told:
        await anext(removed)
    rest = await ids(removed)

    assert told.value.lost == 3
    assert rest == [records[5].event_id]


async def test_a_number_without_a_row_is_no_loss(options: SqlServerOptions) -> None:
    """Given the row read last is there, When the next number has none, Then nothing is told."""
    records = make_records(3)
    await store(options, records)
    execute(options, "DELETE FROM [$(Schema)].[$(Table)] WHERE Id = 2")

    found = await ids(SqlServerReader(options, Selection(checkpoint='{"after":1}')))

    assert found == [records[2].event_id]


async def test_rows_of_dotnet_are_read_from_its_own_table(options: SqlServerOptions) -> None:
    """Given the table of .NET as it made it, When it is read, Then its events come as ours."""
    execute(options, dotnet.TABLE)
    execute(options, OF_DOTNET)

    selection = Selection(types=("outcome",), experiments=("checkout",), subjects=("u-1",))
    found = [envelope async for envelope in SqlServerReader(options, selection)]

    (outcome,) = (envelope.payload for envelope in found)
    assert (outcome.name, outcome.value, outcome.variant_key) == ("bought", 1.0, "a")
    assert outcome.attributes == {"cart": 3}


async def test_rows_of_dotnet_of_every_type_are_read_in_full(options: SqlServerOptions) -> None:
    """Given a row of each type in the table of .NET, When read, Then each is typed and complete."""
    files = sorted((EVENTS_OF_DOTNET / "sql").glob("*.json"))
    execute(options, dotnet.TABLE)
    for file in files:
        execute(options, insert_of(msgspec.json.decode(file.read_bytes())))

    found = [envelope async for envelope in SqlServerReader(options, Selection())]

    sent = [decode((EVENTS_OF_DOTNET / file.name).read_bytes()) for file in files]
    assert found == sent


def insert_of(columns: dict[str, str | None]) -> str:
    """Return the statement that inserts a row of .NET."""
    values = {
        name: "NULL" if value is None else "N'{}'".format(value.replace("'", "''"))
        for name, value in columns.items()
    }
    values["Timestamp"] = f"CAST({values['Timestamp'][1:]} AS DATETIMEOFFSET(7))"
    return (
        f"INSERT INTO [$(Schema)].[$(Table)] ({', '.join(values)})"  # noqa: S608 - of fixtures
        f" VALUES ({', '.join(values.values())})"
    )


OF_DOTNET = """
INSERT INTO [$(Schema)].[$(Table)] (EventId, Timestamp, EventType, SchemaVersion, PayloadJson)
VALUES
    (N'one', CAST('2026-03-01T12:00:00.1234567+02:00' AS DATETIMEOFFSET(7)), N'Outcome', N'1.0.0',
    N'{"id":"1","timestamp":"2026-03-01T12:00:00.1234567+02:00","experimentName":"checkout","subjectId":"u-1","outcomeType":0,"metricName":"bought","value":1,"trialKey":"a","metadata":{"cart":3}}'),
    (N'two', CAST('2026-03-01T12:00:00+02:00' AS DATETIMEOFFSET(7)), N'Outcome', N'1.0.0',
    N'{"id":"2","timestamp":"2026-03-01T12:00:00+02:00","experimentName":"search","subjectId":"u-1","outcomeType":0,"metricName":"bought","value":1,"trialKey":"a"}')
"""
