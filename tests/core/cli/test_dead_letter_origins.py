"""Whose dead letters a command takes, where applications share a store: from the outside."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.cli._dead_letter_origins import EVERYBODY, NAMED, Whose
from experimentframework_core.deadletter import SqliteDeadLetterStore
from tests.core.cli.command import Ran, run_here
from tests.core.letters._letters import make_letter

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.deadletter import DeadLetter


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


def test_what_is_left_out_is_told(ours: Path, theirs: Path) -> None:
    """Given letters of several, When ours are listed, Then one line tells of the others."""
    refused(theirs, "t-1", "t-2")
    refused(ours, "o-1")

    ran = letters("list", ours, "--json")

    assert [json.loads(line)["origin"] for line in ran.out.splitlines()] == [str(ours)]
    assert ran.err == (
        f"Left out 2 dead letters of other configurations: {theirs} (2)."
        " See --origin FILE, none or any.\n"
    )


def test_a_purge_removes_nobody_else_s(ours: Path, theirs: Path) -> None:
    """Given letters of two, When one purges, Then those of the other are still there."""
    refused(theirs, "t-1")
    refused(ours, "o-1")

    ran = letters("purge", ours, "--yes")

    assert ran.out == "1 dead letter chosen, 1 removed\n"
    assert len(letters("list", theirs, "--json").out.splitlines()) == 1


def test_show_finds_nobody_else_s(ours: Path, theirs: Path) -> None:
    """Given another one's letter, When it is shown, Then it is not there, and where it is told."""
    refused(theirs, "t-1")
    event_id = json.loads(letters("list", theirs, "--json").out)["eventId"]

    def show(*more: object) -> Ran:
        return run_here("dead-letter", "show", event_id, "--config", ours, *more)

    assert show().code == 1
    assert str(theirs) in show().err
    assert f"origin      {theirs}\n" in show("--origin", theirs).out


def test_a_mended_configuration_is_the_same_one(ours: Path) -> None:
    """Given a letter, When the file is written anew and requeues, Then the event arrives."""
    refused(ours, "o-1")
    ours.write_text(ours.read_text().replace('"flushIntervalMs": 10', '"flushIntervalMs": 11'))

    ran = letters("requeue", ours)

    assert (ran.code, ran.err, arrived(ours)) == (0, "", ["o-1"])


def test_a_link_is_the_same_one(ours: Path, tmp_path: Path) -> None:
    """Given a letter, When the file is named by a link to its folder, Then it is taken."""
    refused(ours, "o-1")
    (tmp_path / "link").symlink_to(ours.parent)

    ran = letters("requeue", tmp_path / "link" / ours.name)

    assert (ran.code, ran.err, arrived(ours)) == (0, "", ["o-1"])


def test_a_moved_configuration_names_where_it_was(ours: Path, theirs: Path, tmp_path: Path) -> None:
    """Given a new release in another folder, When it names the old file, Then it has its letters.

    Nobody else's go with them.
    """
    refused(ours, "o-1")
    refused(theirs, "t-1")
    moved = ours.rename(tmp_path / "experiments-of-a-new-release.json")

    without, named = letters("requeue", moved), letters("requeue", moved, "--origin", ours)

    assert without.out == "0 dead letters chosen\n"
    assert (named.code, arrived(ours)) == (0, ["o-1"])


@pytest.mark.parametrize(
    ("said", "expected"), [("none", {"p-1"}), ("any", {"e-1", "p-1"}), (None, {"e-1"})]
)
def test_letters_of_python_code_are_taken_when_asked_for(
    said: str | None, expected: set[str], ours: Path, state: Path
) -> None:
    """Given letters of a plane made in Python, When they are meant, Then they are told apart."""
    with_origin = make_letter("e-1", origin=str(ours))
    asyncio.run(fill(state / "deadletters.db", with_origin, make_letter("p-1")))

    ran = letters("list", ours, "--json", *(("--origin", said) if said else ()))

    assert {json.loads(line)["eventId"] for line in ran.out.splitlines()} == expected


async def fill(path: Path, *kept: DeadLetter) -> None:
    async with SqliteDeadLetterStore(path) as store:
        await store.write(kept)


def test_a_table_of_several_has_their_origins(ours: Path, theirs: Path, state: Path) -> None:
    """Given letters of two, When all are listed, Then each row says whose it is."""
    kept = [make_letter("a", origin=str(ours)), make_letter("b", origin=str(theirs))]
    asyncio.run(fill(state / "deadletters.db", *kept))

    ran = letters("list", ours, "--origin", "any")

    assert [line.split()[-1] for line in ran.out.splitlines()] == [
        "Origin",
        str(ours),
        str(theirs),
    ]


def test_tail_shows_those_of_its_configuration(ours: Path, theirs: Path, state: Path) -> None:
    """Given letters of two, When one's are tailed, Then the other's are told and not shown."""
    kept = [make_letter("a", backplane="sqlite", origin=str(ours)), make_letter("b", origin="/b")]
    asyncio.run(fill(state / "deadletters.db", *kept))

    def shown(config: Path, *more: object) -> list[str]:
        ran = run_here("tail", "--config", config, "--dead-letters", "--all", "--json", *more)
        assert ("Left out" in ran.err) is (not more), ran.err
        return [json.loads(line)["eventId"] for line in ran.out.splitlines()]

    assert shown(ours) == ["a"]
    assert shown(theirs) == []
    assert shown(theirs, "--origin", "any") == ["a", "b"]


def test_the_doctor_counts_its_own(ours: Path, theirs: Path, state: Path) -> None:
    kept = [make_letter(str(number), origin=str(theirs)) for number in range(3)]
    asyncio.run(fill(state / "deadletters.db", *kept, make_letter("o", origin=str(ours))))

    ran = run_here("doctor", "--config", ours)

    assert "deadletters.db: can be written, holds 1; 3 of other configurations" in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("tail", "--origin", "any"),
        ("dead-letter", "list", "--source", "broker", "--origin", "any"),
    ],
)
def test_an_origin_without_letters_of_ours_is_refused(
    arguments: tuple[str, ...], ours: Path
) -> None:
    ran = run_here(*arguments, "--config", ours)

    assert ran.code == 2
    assert ran.err.startswith("--origin goes with ")


class TestWhose:
    def test_without_a_configuration_all_are_meant(self) -> None:
        assert Whose.of(None, None) == Whose.of(["/a", "any"], "/b") == EVERYBODY

    def test_what_is_said_is_in_the_place_of_the_configuration(self) -> None:
        whose = Whose.of(["none", "/a"], "/b")

        assert [whose.take(each) for each in ("", "/a", "/b")] == [True, True, False]

    def test_a_relative_path_begins_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir("/")

        assert Whose.of(["srv/e.yaml"], None).origins == ("/srv/e.yaml",)


def test_only_some_of_many_are_named(ours: Path, state: Path) -> None:
    """Given letters of more than are named, When they are left out, Then the line stays short."""
    kept = [make_letter(str(number), origin=f"/{number}") for number in range(NAMED + 2)]
    asyncio.run(fill(state / "deadletters.db", *kept))

    ran = letters("list", ours)

    assert f"/{NAMED - 1} (1), 2 more. See" in ran.err
