"""The commands, on an engine: from an empty database to a report."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.backplanes.sqlite import plugin as sqlite
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_sqlserver._table.naming import names_of
from experimentframework_sqlserver._table.script import upgrade_script
from tests.core.cli.command import run, run_here
from tests.sqlserver.engine import dotnet
from tests.sqlserver.engine.database import execute, rows

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.envelope import Record
    from experimentframework_sqlserver import SqlServerOptions

LONG_AGO = datetime.now(UTC) - timedelta(days=10)


@pytest.fixture
def config(options: SqlServerOptions, tmp_path: Path) -> Path:
    """Return a configuration with the table of the test, which nobody has made."""
    said = {
        "connectionString": options.connection_string.reveal(),
        "schema": options.schema,
        "tableName": options.table_name,
    }
    path = tmp_path / "experiments.json"
    backplane = {"type": "sqlServer", "options": said}
    path.write_text(json.dumps({"dataPlane": {"backplane": backplane}}))
    return path


def events() -> list[Record]:
    """Return an experiment of which half happened ten days ago."""
    found = []
    for number in range(60):
        subject, at = f"u-{number}", LONG_AGO + timedelta(days=9 * (number % 2), seconds=number)
        variant = "a" if number % 3 else "b"
        exposure = make_exposure(subject_id=subject, variant_key=variant, timestamp=at)
        outcome = make_outcome(subject_id=subject, value=float(number % 4 == 0), timestamp=at)
        found += [make_record(exposure, timestamp=at), make_record(outcome, timestamp=at)]
    return found


async def in_sqlite(path: Path, records: list[Record]) -> None:
    """Store the same in an embedded store."""
    async with sqlite.open(SqliteOptions(path=str(path)), OpenContext(name="s")) as backplane:
        await backplane.deliver(records)


def test_a_table_is_made_and_looked_at(config: Path) -> None:
    """Given an empty database, When it is migrated, Then the status before and after says so."""
    before = run_here("sqlserver", "status", "--config", config, "--json")
    made = run_here("sqlserver", "migrate", "--config", config, "--json")
    after = run_here("sqlserver", "status", "--config", config, "--json")

    assert (before.code, made.code, after.code) == (1, 0, 0)
    assert before.document()["state"] == "missing"
    assert before.document()["pending"] == made.document()["applied"]
    assert after.document()["state"] == "ours"
    assert after.document()["version"] == made.document()["version"] == 1


def test_the_table_of_dotnet_gets_a_script_instead(config: Path, options: SqlServerOptions) -> None:
    """Given the table of .NET, When migrated, Then its upgrade is printed, and it is as it was."""
    execute(options, dotnet.TABLE)

    ran = run("sqlserver", "migrate", "--config", config)

    assert ran.code == 1
    assert ran.out == upgrade_script(names_of(options))
    assert "was made by the .NET ExperimentFramework, and nothing of it was changed" in ran.err
    assert rows(options, "SELECT OBJECT_ID(N'[$(Schema)].[$(Table)Migrations]')") == [(None,)]


def test_without_its_table_nothing_is_published_and_the_command_is_named(config: Path) -> None:
    """Given no table, When the doctor looks, Then it says what to run."""
    ran = run("doctor", "--config", config)

    assert ran.code == 1
    assert "run: experimentframework sqlserver migrate --config FILE" in ran.out + ran.err


def test_what_is_published_is_shown_and_counted_as_in_an_embedded_store(
    config: Path, tmp_path: Path
) -> None:
    """Given events in both, When reported, Then the figures are the same to the last digit."""
    records = events()
    lines = b"\n".join(record.body for record in records)
    store = tmp_path / "events.db"
    asyncio.run(in_sqlite(store, records))
    run_here("sqlserver", "migrate", "--config", config)

    published = run("publish", "--config", config, "-", stdin=lines)
    shown = run("tail", "--config", config, "--all", "--json")
    reported = run("report", "--config", config, "--json")

    assert (published.code, shown.code, reported.code) == (0, 0, 0)
    assert set(shown.out.encode().splitlines()) == {record.body for record in records}
    assert reported.document() == run("report", store, "--json").document()
    (report,) = reported.document()["experiments"]
    assert report["subjects"] == {"a": 40, "b": 20}
    assert report["sampleRatio"]["pValue"] == pytest.approx(0.0098, abs=0.0001)


def test_old_events_are_counted_then_removed(config: Path, options: SqlServerOptions) -> None:
    """Given old and new events, When purged, Then first they are counted, then the old go."""
    lines = b"\n".join(record.body for record in events())
    run_here("sqlserver", "migrate", "--config", config)
    run("publish", "--config", config, "-", stdin=lines)
    purge = ("sqlserver", "purge", "--config", config, "--older-than", "5d")

    counted = run_here(*purge, "--dry-run", "--json")
    unasked = run_here(*purge)
    removed = run_here(*purge, "--yes", "--json")

    assert (counted.code, unasked.code, removed.code) == (0, 2, 0)
    assert "say --yes" in unasked.err
    assert (counted.document()["chosen"], counted.document()["removed"]) == (60, 0)
    assert removed.document()["removed"] == 60
    assert rows(options, "SELECT COUNT(*) FROM [$(Schema)].[$(Table)]") == [(60,)]
