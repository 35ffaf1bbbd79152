"""Migrations, on an engine: what they make, side by side, and what they refuse."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_record
from experimentframework_sqlserver import plugin
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._table.migrating import Migrated, migrate
from experimentframework_sqlserver._table.migrations import migrations
from experimentframework_sqlserver._table.naming import names_of
from experimentframework_sqlserver._table.script import script, upgrade_script
from tests.sqlserver.engine import dotnet
from tests.sqlserver.engine.database import connect, execute, on_a_server, rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_sqlserver import SqlServerOptions
    from experimentframework_sqlserver._connection.pool import Pool
    from tests.sqlserver.engine.database import Engine

NEWEST = len(migrations())
COLUMNS = """
SELECT CAST(COLUMN_NAME AS NVARCHAR(128)), CAST(DATA_TYPE AS NVARCHAR(128)),
    CAST(IS_NULLABLE AS NVARCHAR(3)), CHARACTER_MAXIMUM_LENGTH
FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?
"""
OF_DOTNET = """
INSERT INTO [$(Schema)].[$(Table)] (EventId, Timestamp, EventType, SchemaVersion, PayloadJson)
VALUES
    (N'one', CAST('2026-03-01T12:00:00+02:00' AS DATETIMEOFFSET(7)), N'Exposure', N'1.0.0',
    N'{"experimentName":"checkout","variantKey":"a","subjectId":"u-1"}')
"""


@asynccontextmanager
async def _pool(options: SqlServerOptions) -> AsyncIterator[Pool]:
    pool = open_pool(options)
    try:
        yield pool
    finally:
        await pool.close()


async def _migrate(options: SqlServerOptions) -> Migrated:
    async with _pool(options) as pool:
        return await migrate(pool, options)


def _run(options: SqlServerOptions, text: str) -> None:
    """Execute a script as sqlcmd does: what stands between the lines that say GO."""
    with closing(connect(options)) as connection:
        for batch in re.split(r"(?m)^GO$", text):
            if batch.strip():
                connection.execute(batch)


def _columns(options: SqlServerOptions, table: str | None = None) -> set[tuple[object, ...]]:
    return set(rows(options, COLUMNS, options.schema, table or options.table_name))


def _history(options: SqlServerOptions) -> list[object]:
    found = rows(options, "SELECT Id FROM [$(Schema)].[$(Table)Migrations] ORDER BY Id")
    return [number for (number,) in found]


async def test_it_makes_the_table_and_its_views(options: SqlServerOptions) -> None:
    """Given an empty database, When it is migrated, Then table, views and history are there."""
    done = await _migrate(options)

    assert done == Migrated(migrations(), NEWEST)
    assert _history(options) == [each.number for each in migrations()]
    for view in ("", "Exposures", "Outcomes", "ExposureOutcomes"):
        assert _columns(options, options.table_name + view)


async def test_again_there_is_nothing_to_do(options: SqlServerOptions) -> None:
    """Given a migrated table, When it is migrated again, Then nothing is applied."""
    await _migrate(options)

    done = await _migrate(options)

    assert done == Migrated((), NEWEST)


async def test_six_at_the_same_time_migrate_once(options: SqlServerOptions) -> None:
    """Given six runners at the same moment, When all are done, Then each step was done once."""
    done = await asyncio.gather(*(_migrate(options) for _ in range(6)))

    assert [each.version for each in done] == [NEWEST] * 6
    assert sorted(step for each in done for step in each.applied) == sorted(migrations())
    assert _history(options) == [each.number for each in migrations()]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM [$(Schema)].[$(Table)Migrations]", "is empty; to restore it"),
        ("DROP TABLE [$(Schema)].[$(Table)Migrations]", "grant this user SELECT on it"),
    ],
)
async def test_a_lost_history_is_told(statement: str, why: str, options: SqlServerOptions) -> None:
    """Given our table whose history is lost, When migrated, Then it says how to restore it."""
    await _migrate(options)
    execute(options, statement)

    with pytest.raises(UnavailableError, match=why):
        await _migrate(options)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_the_script_makes_the_same(
    idempotent: bool,  # noqa: FBT001
    options: SqlServerOptions,
    engine: Engine,
) -> None:
    """Given the script, When it was run, Then nothing is left to migrate, and columns are equal."""
    scripted = engine.options(f"{options.table_name}Scripted")

    _run(scripted, script(names_of(scripted), idempotent=idempotent))

    await _migrate(options)
    assert _columns(scripted) == _columns(options)
    assert await _migrate(scripted) == Migrated((), NEWEST)


def test_the_idempotent_script_can_be_run_again(options: SqlServerOptions) -> None:
    """Given a table of the script, When the idempotent one is run, Then nothing changes."""
    text = script(names_of(options), idempotent=True)
    _run(options, text)

    _run(options, text)

    assert _history(options) == [each.number for each in migrations()]


async def test_an_edited_history_is_refused(options: SqlServerOptions) -> None:
    """Given a migration whose text was another, When migrated, Then it says which one."""
    await _migrate(options)
    edit = "UPDATE [$(Schema)].[$(Table)Migrations] SET Checksum = ? WHERE Id = 1"
    execute(options, edit, "0" * 64)

    with pytest.raises(UnavailableError, match=r"made from another text than 0001_initial"):
        await _migrate(options)


async def test_a_newer_history_is_refused(options: SqlServerOptions) -> None:
    """Given a migration that this version does not know, When migrated, Then it says so."""
    await _migrate(options)
    note = (
        "INSERT INTO [$(Schema)].[$(Table)Migrations] (Id, Name, Checksum, ProductVersion)"
        " VALUES (?, N'later', ?, N'9.0.0')"
    )
    execute(options, note, NEWEST + 1, "0" * 64)

    with pytest.raises(UnavailableError, match="upgrade experimentframework-sqlserver"):
        await _migrate(options)


async def test_a_step_that_fails_leaves_nothing(options: SqlServerOptions) -> None:
    """Given a view in the way, When migrated, Then it fails, and no table is left half made."""
    execute(options, "CREATE VIEW [$(Schema)].[$(Table)Outcomes] AS SELECT 1 AS x")

    with pytest.raises(Exception, match="cannot migrate the table"):
        await _migrate(options)

    assert _columns(options) == set()
    execute(options, "DROP VIEW [$(Schema)].[$(Table)Outcomes]")
    assert (await _migrate(options)).version == NEWEST


async def test_a_foreign_table_is_left_alone(options: SqlServerOptions) -> None:
    """Given another table of that name, When migrated, Then it is refused and unchanged."""
    execute(options, "CREATE TABLE [$(Schema)].[$(Table)] (x INT)")

    with pytest.raises(UnavailableError, match="nothing of it was changed: say another schema"):
        await _migrate(options)

    assert {name for name, *_ in _columns(options)} == {"x"}


@on_a_server
async def test_the_dotnet_table_is_left_alone_and_its_script_upgrades_it(
    options: SqlServerOptions,
) -> None:
    """Given the .NET original's table, When its script was run, Then rows stay and joins work."""
    execute(options, dotnet.TABLE)
    execute(options, OF_DOTNET)
    before = _columns(options)
    with pytest.raises(UnavailableError, match=r"script --upgrade-dotnet"):
        await _migrate(options)
    assert _columns(options) == before

    _run(options, upgrade_script(names_of(options)))

    done = await _migrate(options)
    assert done.version == NEWEST
    found = rows(
        options,
        "SELECT EventId, ExperimentName, VariantKey, SubjectId FROM [$(Schema)].[$(Table)]",
    )
    assert found == [("one", "checkout", "a", "u-1")]


@pytest.mark.parametrize(
    "name", ["x; DROP TABLE victims --", "`x`) OR 1=1 --", "Größe 1", "😀 $Table)", "x}{?"]
)
async def test_a_name_is_only_ever_a_name(name: str, options: SqlServerOptions) -> None:
    """Given a name that looks like statements, When used, Then it is a table of that name."""
    odd = msgspec.structs.replace(options, table_name=f"{options.table_name} {name}")
    record = make_record()

    async with plugin.open(odd, OpenContext(name="events")) as backplane:
        await backplane.deliver([record, record])

    found = rows(odd, "SELECT EventId FROM [$(Schema)].[$(Table)]")
    assert found == [(record.event_id,)]
    assert plugin.read is not None
    assert [each.event_id async for each in plugin.read(odd, Selection())] == [record.event_id]
