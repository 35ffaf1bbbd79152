"""Whose dead letters a command takes, where applications share a store: from the outside."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.core.cli.command import Ran, run_here

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's folder for state, which all applications share."""
    monkeypatch.setenv("EXPERIMENTFRAMEWORK_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Return the configuration of an application."""
    return configured(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return the configuration of another one, whose backplane has the same name."""
    return configured(tmp_path / "theirs")


def configured(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "experiments.json"
    store = {"type": "sqlite", "options": {"path": str(folder / "events.db")}}
    path.write_text(json.dumps({"dataPlane": {"backplane": store, "flushIntervalMs": 10}}))
    return path


def refused(config: Path, *subjects: str) -> None:
    """Publish an event for each subject, while the configuration's destination refuses it."""
    events = config.with_name("events.ndjson")
    event = {"type": "outcome", "experimentName": "checkout", "outcomeType": "binary"}
    lines = [{**event, "subjectId": each, "name": "sold", "value": 1} for each in subjects]
    events.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert run_here("doctor", "--config", config).code == 0
    destination = sqlite3.connect(config.with_name("events.db"))
    with closing(destination):
        destination.execute(
            "CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        assert run_here("publish", events, "--config", config).code == 1
        destination.execute("DROP TRIGGER no")


def arrived(config: Path) -> list[str]:
    """Return the subjects whose events have arrived at a configuration's destination."""
    path = config.with_name("events.db")
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as events:
        return [row[0] for row in events.execute("SELECT subject FROM events ORDER BY subject")]


def letters(command: str, config: Path, *more: object) -> Ran:
    return run_here("dead-letter", command, "--config", config, *more)


def test_events_of_another_configuration_are_never_delivered(ours: Path, theirs: Path) -> None:
    """Given two applications with one store, When one requeues, Then the other's events stay."""
    refused(theirs, "t-1", "t-2")
    refused(ours, "o-1")

    ran = letters("requeue", ours)

    assert (ran.code, arrived(ours)) == (0, ["o-1"])
    assert letters("requeue", theirs).code == 0
    assert arrived(theirs) == ["t-1", "t-2"]
