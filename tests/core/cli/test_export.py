"""`export`, from the outside, on an embedded store."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from tests.core.cli.command import COMMAND, Ran, environment_with, run_here

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with an embedded store of five events."""
    path = configuration(tmp_path, {"type": "sqlite", "options": {"path": str(store(tmp_path))}})
    events = [exposure("u-1", 1), exposure("u-2", 1), exposure("u-3", 2), outcome("u-1", 2)]
    publish(path, *events, exposure("u-4", 3, experimentName="search"))
    return path


def store(folder: Path) -> Path:
    return folder / "events.db"


def configuration(folder: Path, *backplanes: dict[str, Any]) -> Path:
    path = folder / "experiments.json"
    first = backplanes[0]
    both = first if len(backplanes) == 1 else {"type": "composite", "backplanes": backplanes}
    path.write_text(json.dumps({"dataPlane": {"backplane": both}}))
    return path


def publish(config: Path, *events: dict[str, Any]) -> None:
    file = config.with_suffix(".ndjson")
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    ran = run_here("publish", "--config", config, file)
    assert ran.code == 0, ran.err


def exposure(subject: str, day: int, **more: object) -> dict[str, Any]:
    return {
        "type": "exposure",
        "experimentName": "checkout",
        "variantKey": "express",
        "subjectId": subject,
        "selectionReason": "test",
        "timestamp": f"2026-03-{day:02}T12:00:00Z",
        **more,
    }


def outcome(subject: str, day: int) -> dict[str, Any]:
    return {
        "type": "outcome",
        "experimentName": "checkout",
        "subjectId": subject,
        "outcomeType": "continuous",
        "name": "revenue",
        "value": 12.5,
        "timestamp": f"2026-03-{day:02}T13:00:00Z",
    }


def export(config: Path, output: Path, *arguments: object) -> Ran:
    return run_here("export", "--config", config, "--output", output, *arguments)


def queried(sql: str) -> list[tuple[Any, ...]]:
    """Return what DuckDB answers."""
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def bodies(folder: Path) -> list[str]:
    with closing(sqlite3.connect(store(folder))) as connection:
        return [body for (body,) in connection.execute("SELECT body FROM events ORDER BY position")]


def break_row(folder: Path, position: int, body: str | bytes) -> None:
    with closing(sqlite3.connect(store(folder))) as connection, connection:
        connection.execute("UPDATE events SET body = ? WHERE position = ?", (body, position))


class TestFormats:
    def test_parquet_is_counted_by_duckdb(self, config: Path, tmp_path: Path) -> None:
        """Given a store, When exported to Parquet, Then a query finds what was published."""
        output = tmp_path / "events.parquet"

        ran = export(config, output)

        assert ran.code == 0, ran.err
        assert ran.out.startswith(f"5 events to {output}: 1 file, ")
        counted = queried(
            f"SELECT event_type, count(*), sum(value) FROM '{output}' GROUP BY 1 ORDER BY 1"  # noqa: S608
        )
        assert counted == [("exposure", 4, None), ("outcome", 1, 12.5)]

    def test_ndjson_is_what_is_stored_and_publish_takes_it(
        self, config: Path, tmp_path: Path
    ) -> None:
        """Given a store, When its export is published to another, Then it has the same bytes."""
        output = tmp_path / "events.ndjson"
        stored = bodies(tmp_path)

        ran = export(config, output)

        assert ran.code == 0, ran.err
        assert output.read_text().splitlines() == stored
        store(tmp_path).unlink()
        again = run_here("publish", "--config", config, output)
        assert again.code == 0, again.err
        assert bodies(tmp_path) == stored

    def test_csv_notes_what_would_be_a_formula(self, config: Path, tmp_path: Path) -> None:
        """Given a subject that looks like one, When exported to CSV, Then the summary says so."""
        publish(config, exposure("=cmd()", 4))
        output = tmp_path / "events.csv"

        ran = export(config, output)

        assert ran.code == 0
        assert "1 cell would be a formula in a spreadsheet" in ran.err
        assert ",'=cmd()," in output.read_text()

    def test_the_format_may_be_said_for_any_name(self, config: Path, tmp_path: Path) -> None:
        """Given a name that says nothing, When the format is given, Then it is that."""
        output = tmp_path / "events"

        ran = export(config, output, "--format", "parquet")

        assert ran.code == 0, ran.err
        assert pq.read_metadata(output).num_rows == 5


class TestPartitions:
    def test_folders_are_read_by_duckdb_polars_and_pyarrow(
        self, config: Path, tmp_path: Path
    ) -> None:
        """Given folders by date and type, When read by each, Then rows and keys are the same."""
        output = tmp_path / "out"

        ran = export(
            config, output, "--format", "parquet", "--partition-by", "date,event_type,experiment"
        )

        assert ran.code == 0, ran.err
        assert "5 events" in ran.out
        assert "4 files" in ran.out
        found = queried(
            "SELECT count(*), count(DISTINCT date), sum(value) FROM"  # noqa: S608
            f" read_parquet('{output}/**/*.parquet', hive_partitioning = true)"
            " WHERE experiment = 'checkout'"
        )
        assert found == [(4, 2, 12.5)]
        frame = pl.scan_parquet(output, hive_partitioning=True).collect()
        assert frame.filter(pl.col("event_type") == "outcome")["value"].to_list() == [12.5]
        table = pyarrow.dataset.dataset(output, partitioning="hive").to_table()
        assert table.num_rows == 5


class TestSelection:
    def test_only_what_is_selected_is_written(self, config: Path, tmp_path: Path) -> None:
        """Given criteria, When exported, Then the events of that time, type, experiment are."""
        output = tmp_path / "events.ndjson"

        ran = export(
            config,
            output,
            *("--since", "2026-03-02", "--until", "2026-03-04"),
            *("--type", "exposure", "--experiment", "search"),
        )

        assert ran.code == 0, ran.err
        (line,) = output.read_text().splitlines()
        assert json.loads(line)["payload"]["subjectId"] == "u-4"

    def test_nothing_selected_is_an_empty_file(self, config: Path, tmp_path: Path) -> None:
        """Given no such event, When exported, Then there is a file with all columns, no rows."""
        output = tmp_path / "events.parquet"

        ran = export(config, output, "--type", "governance")

        assert ran.code == 0
        assert pq.read_metadata(output).num_rows == 0


class TestUnreadable:
    def test_the_rest_goes_on_and_it_is_kept_beside(self, config: Path, tmp_path: Path) -> None:
        """Given two rows that are no events, When exported, Then kept as stored, and exit 1."""
        break_row(tmp_path, 2, "{broken")
        break_row(tmp_path, 4, b"\xff\xfe")
        output = tmp_path / "events.parquet"

        ran = export(config, output, "--json")

        side = tmp_path / "events.parquet.unreadable.ndjson"
        assert ran.code == 1
        document = ran.document()
        assert (document["events"], document["unreadable"]) == (3, 2)
        assert document["unreadable_file"] == str(side)
        assert pq.read_metadata(output).num_rows == 3
        kept = [json.loads(line) for line in side.read_text().splitlines()]
        assert [line["position"].split("@")[0] for line in kept] == ["2", "4"]
        assert [base64.b64decode(line["record"]) for line in kept] == [b"{broken", b"\xff\xfe"]

    def test_a_side_file_of_before_does_not_stay(self, config: Path, tmp_path: Path) -> None:
        """Given one of an earlier export, When all can be read now, Then it is gone."""
        output = tmp_path / "events.csv"
        side = tmp_path / "events.csv.unreadable.ndjson"
        side.write_text("{}")

        refused = export(config, output)
        forced = export(config, output, "--force")

        assert (refused.code, forced.code) == (2, 0)
        assert f"{side}: is there already, from an earlier export" in refused.err
        assert not side.exists()


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "arguments", "expected"),
        [
            ("out", [], "the name does not say which format; give --format, expected parquet,"),
            ("out.csv", ["--format", "xlsx"], "--format xlsx: expected parquet, ndjson or csv"),
            ("out.parquet.gz", [], "leave out .gz; Parquet is compressed already"),
            ("no/out.csv", [], "no/out.csv: there is no folder {}/no; make it first"),
            (".", ["--format", "csv"], "is a folder; name a file"),
            (f"{'x' * 230}.csv", [], ".csv: the name is too long, with what is added while it"),
            (f"{'x' * 300}.csv", [], ".csv: the name is too long, with what is added while it"),
            ("out.csv", ["--partition-by", "day"], "--partition-by: 'day' is not one of date, "),
            (
                "out.csv",
                ["--since", "2026-03-02", "--until", "2026-03-01"],
                "--since and --until: since 2026-03-02T00:00:00+00:00 is not before until",
            ),
            ("out.csv", ["--since", "yesterday"], "--since: 'yesterday' is no time"),
            ("out.csv", ["--backplane", "kafka"], "--backplane kafka: there is none"),
        ],
    )
    def test_what_cannot_be_is_said_before_anything_is_read(
        self, name: str, arguments: list[str], expected: str, config: Path, tmp_path: Path
    ) -> None:
        """Given such arguments, When exported, Then exit 2, the reason, and no file."""
        store(tmp_path).unlink()
        before = set(tmp_path.iterdir())

        ran = export(config, tmp_path / name, *arguments)

        assert ran.code == 2, ran.err
        assert expected.format(tmp_path) in ran.err
        assert set(tmp_path.iterdir()) == before

    def test_a_source_that_gives_nothing_back_is_said_first(self, tmp_path: Path) -> None:
        """Given destinations that cannot be read, When exported, Then the error says why."""
        path = configuration(tmp_path, {"type": "logging"}, {"type": "inMemory"})

        ran = export(path, tmp_path / "events.csv")

        assert ran.code == 2
        assert "has no backplane to read; logging cannot be read back; inMemory keeps" in ran.err

    def test_what_is_there_is_replaced_only_when_told_to(
        self, config: Path, tmp_path: Path
    ) -> None:
        """Given an earlier export, When exported again, Then it stays unless --force is said."""
        output = tmp_path / "events.ndjson"
        output.write_text("former")

        refused = export(config, output)
        kept = output.read_text()
        forced = export(config, output, "--force")

        assert (refused.code, kept) == (2, "former")
        assert "is there already; say --force to replace it, or name another" in refused.err
        assert forced.code == 0
        assert len(output.read_text().splitlines()) == 5

    @pytest.mark.parametrize("name", ["events.db", "experiments.json", "link"])
    def test_the_source_and_its_configuration_are_never_replaced(
        self, name: str, config: Path, tmp_path: Path
    ) -> None:
        """Given their files as the output, When forced, Then exit 2, and they are as before."""
        (tmp_path / "link").symlink_to(store(tmp_path))
        before = (store(tmp_path).read_bytes(), config.read_bytes())

        ran = export(config, tmp_path / name, "--format", "csv", "--force")

        assert ran.code == 2, ran.err
        assert f"{name}: is the source itself or its configuration; name another" in ran.err
        assert (store(tmp_path).read_bytes(), config.read_bytes()) == before

    @pytest.mark.parametrize("name", ["events.csv", "events.csv.unreadable.ndjson"])
    def test_what_is_no_regular_file_is_never_replaced(
        self, name: str, config: Path, tmp_path: Path
    ) -> None:
        """Given a pipe by the name of a file to write, When forced, Then exit 2, and it stays."""
        os.mkfifo(tmp_path / name)

        ran = export(config, tmp_path / "events.csv", "--force")

        assert ran.code == 2, ran.err
        assert f"{name}: is no regular file; name another" in ran.err
        assert (tmp_path / name).is_fifo()

    @pytest.mark.parametrize("output", ["", ".", "..", "/"])
    def test_what_can_be_no_name_is_refused(self, output: str, config: Path) -> None:
        """Given such an output, When exported, Then exit 2, and it is named."""
        ran = run_here("export", "--config", config, "-o", output, "--format", "csv")

        assert ran.code == 2, ran.err
        assert f"--output '{output or '.'}' names no file or folder that could be made" in ran.err

    def test_no_pyarrow_says_what_to_install(
        self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given no pyarrow, When exported to Parquet, Then the error names the extra."""
        monkeypatch.setattr("experimentframework_core.cli._export.find_spec", lambda _: None)

        ran = export(config, tmp_path / "events.parquet")

        assert (ran.code, ran.err) == (
            2,
            'Parquet needs its extra: pip install "experimentframework[analysis]"\n',
        )


class TestFailures:
    def test_a_source_that_is_not_there_leaves_nothing(self, config: Path, tmp_path: Path) -> None:
        """Given no store at the path, When exported, Then exit 1, the reason, and no file."""
        store(tmp_path).unlink()

        ran = export(config, tmp_path / "events.csv")

        assert ran.code == 1
        assert f"cannot read events from {store(tmp_path)}" in ran.err
        assert not list(tmp_path.glob("*events.csv*"))

    @pytest.mark.parametrize("name", ["events.ndjson", "events.parquet"])
    def test_a_full_disk_leaves_nothing(self, name: str, config: Path, tmp_path: Path) -> None:
        """Given no more room than 1 KiB for a file, When exported, Then it says so, and tidies."""
        command = [COMMAND, "export", "--config", config, "--output", tmp_path / name]

        ran = subprocess.run(
            ["/bin/bash", "-c", 'ulimit -f 1; exec "$@"', "bash", *map(str, command)],
            capture_output=True,
            text=True,
            env=environment_with(PYTHONDONTWRITEBYTECODE="1"),
            check=False,
        )

        assert ran.returncode == 1
        assert ran.stderr == (
            f"{tmp_path / name}: cannot be written: File too large; nothing is left there\n"
        )
        assert not [path for path in tmp_path.iterdir() if name in path.name]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
    def test_one_that_is_ended_has_no_half_file(
        self, number: signal.Signals, config: Path, tmp_path: Path
    ) -> None:
        """Given an export under way, When it is ended, Then there is no file of its name."""
        output = tmp_path / "events.ndjson"
        command = [sys.executable, "-c", ENDLESS, "export", "--config", config, "--output", output]
        running = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while not [each for each in tmp_path.glob("*.partial") if each.stat().st_size]:
            assert time.monotonic() < deadline
            time.sleep(0.05)

        running.send_signal(number)
        _, said = running.communicate(timeout=100)

        assert not output.exists()
        if number == signal.SIGINT:
            assert running.returncode == 130
            assert said == f"Stopped; nothing was written to {output}.\n"
            assert not list(tmp_path.glob("*.partial"))


ENDLESS = """
from experimentframework_core._reading.reading import Reading
stored = Reading.stored
async def endless(self, since=None):
    while True:
        async for envelope in stored(self):
            yield envelope
Reading.stored = endless
from experimentframework_command import main
main()
"""
