"""The example configuration of the documentation, with the commands, against an engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.core.cli.command import Ran, run
from tests.docs.pages import docs
from tests.sqlserver.engine.database import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sqlserver.engine.database import Engine

EXAMPLE = docs / "examples/sql-server.yaml"
EVENTS = docs / "examples/events.ndjson"


@pytest.fixture(scope="module")
def command(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ran]:
    """Return what runs a command with the example, whose table is there and has its events."""
    folder = tmp_path_factory.mktemp("example")
    config = folder / EXAMPLE.name
    config.write_text(EXAMPLE.read_text().replace("schema: dbo", f"schema: {engine.schema}"))

    def with_example(*arguments: object) -> Ran:
        state = {"EXPERIMENTFRAMEWORK_STATE": str(folder), "HOME": str(folder)}
        return run(*arguments, "--config", config, EVENTS_SQL=engine.connection_string, **state)

    for arguments in (("sqlserver", "migrate"), ("publish", EVENTS)):
        ran = with_example(*arguments)
        assert ran.code == 0, ran.out + ran.err
    return with_example


@pytest.fixture(scope="module")
def published() -> int:
    """Return how many events the example has."""
    return len(EVENTS.read_text().splitlines())


def test_status_lists_what_was_applied(command: Callable[..., Ran]) -> None:
    """Given a migrated table, When asked for its status, Then nothing is missing."""
    ran = command("sqlserver", "status", "--json")

    assert ran.code == 0, ran.err
    assert ran.document()["state"] == "ours"
    assert ran.document()["pending"] == []


def test_to_migrate_again_does_nothing(command: Callable[..., Ran]) -> None:
    """Given a migrated table, When migrated again, Then nothing is applied."""
    ran = command("sqlserver", "migrate", "--json")

    assert ran.code == 0, ran.err
    assert ran.document()["applied"] == []


def test_doctor_finds_the_table_well(command: Callable[..., Ran]) -> None:
    """Given the example, When doctor looks, Then the table is well."""
    ran = command("doctor")

    assert ran.code == 0, ran.out + ran.err
    assert "sqlServer" in ran.out


def test_what_publish_sends_is_in_the_table_once(
    command: Callable[..., Ran], engine: Engine, published: int
) -> None:
    """Given events with ids that were published, When published again, Then they are there once."""
    lines = [json.loads(line) for line in EVENTS.read_text().splitlines()]
    ids = {line["eventId"] for line in lines if "eventId" in line}

    ran = command("publish", EVENTS)

    assert ran.code == 0, ran.out + ran.err
    options = engine.options("ExperimentEvents")
    stored = [each for (each,) in rows(options, "SELECT EventId FROM [$(Schema)].[$(Table)]")]
    assert len(stored) == published + (published - len(ids))
    assert ids <= set(stored)


def test_report_counts_the_subjects_of_each_variant(command: Callable[..., Ran]) -> None:
    """Given exposures and outcomes, When reported, Then each experiment is there."""
    ran = command("report", "--json")

    assert ran.code == 0, ran.out + ran.err
    experiments = {each["experiment"]: each for each in ran.document()["experiments"]}
    assert {"checkout", "search-ranking"} <= set(experiments)


def test_tail_shows_the_last_events(command: Callable[..., Ran]) -> None:
    """Given events, When tail shows some, Then each is a line of JSON."""
    ran = command("tail", "--last", "5", "--json")

    assert ran.code == 0, ran.out + ran.err
    assert len([json.loads(line) for line in ran.out.splitlines()]) == 5


def test_purge_counts_what_it_would_remove(command: Callable[..., Ran], published: int) -> None:
    """Given old events, When purge only counts, Then it names them and removes none."""
    ran = command(
        "sqlserver", "purge", "--older-than", "2026-03-04T00:00:00Z", "--dry-run", "--json"
    )

    assert ran.code == 0, ran.out + ran.err
    assert ran.document()["chosen"] > 0
    assert ran.document()["removed"] == 0
