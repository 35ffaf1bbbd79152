"""`tail --dead-letters`, from the outside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.core.cli.command import Ran, run_here
from tests.core.letters._letters import keep, make_letter

if TYPE_CHECKING:
    from pathlib import Path


def configured(folder: Path, *backplanes: dict[str, object]) -> Path:
    """Return a configuration with these backplanes."""
    path = folder / "experiments.json"
    root = {"type": "composite", "backplanes": backplanes}
    path.write_text(json.dumps({"dataPlane": {"backplane": root}}))
    return path


def kept(folder: Path, name: str, kind: str = "sqlite") -> dict[str, object]:
    """Return a backplane whose dead letters are in a file of its own."""
    letters = {"type": kind, "options": {"path": str(folder / f"{name}.letters")}}
    return {"type": "logging", "name": name, "deadLetter": letters}


def tail(config: Path, *arguments: object) -> Ran:
    return run_here("tail", "--config", config, "--dead-letters", *arguments)


@pytest.mark.parametrize("kind", ["sqlite", "file"])
def test_the_events_that_were_not_taken_are_shown(tmp_path: Path, kind: str) -> None:
    """Given dead letters, When they are shown, Then each is its event, and the place is told."""
    letters = [make_letter("a", backplane="one"), make_letter("b", backplane="one")]
    keep(kind, tmp_path / "one.letters", letters)
    config = configured(tmp_path, kept(tmp_path, "one", kind))

    ran = tail(config, "--all", "--json")

    assert ran.code == 0, ran.err
    assert ran.out.encode().splitlines() == [letter.body for letter in letters]
    assert "Go on from here with --from " in ran.err


def test_several_stores_must_be_named(tmp_path: Path) -> None:
    """Given a store for each backplane, When none is named, Then it says which can be."""
    config = configured(tmp_path, kept(tmp_path, "one"), kept(tmp_path, "two"))

    ran = tail(config)

    assert ran.code == 2
    assert "say with --backplane whose to read: one, two" in ran.err


def test_one_backplanes_letters_are_shown(tmp_path: Path) -> None:
    """Given a store that two share, When one is named, Then its letters are shown."""
    keep("sqlite", tmp_path / "one.letters", [make_letter("a"), make_letter("b", backplane="one")])
    shared = {**kept(tmp_path, "one"), "name": "kafka"}
    config = configured(tmp_path, kept(tmp_path, "one"), shared)

    ran = tail(config, "--backplane", "one", "--all", "--json")

    assert ran.code == 0, ran.err
    assert [json.loads(line)["eventId"] for line in ran.out.splitlines()] == ["b"]


@pytest.mark.parametrize(
    ("more", "name", "said"),
    [
        ({"onFailure": "drop"}, "one", "keeps no dead letters: its onFailure is drop"),
        ({}, "three", "there is no destination of that name; expected one"),
        ({"deadLetter": {"type": "logging"}}, "one", "go to logging, which cannot be read back"),
    ],
)
def test_where_there_are_none_that_is_said(
    tmp_path: Path, more: dict[str, object], name: str, said: str
) -> None:
    """Given letters that are not kept or not readable, When they are wanted, Then it says why."""
    config = configured(tmp_path, {**kept(tmp_path, "one"), **more})

    ran = tail(config, "--backplane", name)

    assert ran.code == 2
    assert said in " ".join(ran.err.split())
