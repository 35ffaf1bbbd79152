"""Which dead letters a command looks at."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.cli._dead_letter_options import check_local, chosen_by
from experimentframework_core.cli._output import CommandError
from tests.core.cli.command import run_here
from tests.core.letters._letters import keep, make_letter

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)


def test_a_configuration_leads_to_its_stores(tmp_path: Path) -> None:
    path = keep("file", tmp_path / "letters", [make_letter("a"), make_letter("b")])
    config = tmp_path / "experiments.json"
    letters = {"type": "file", "options": {"path": str(path)}}
    backplane = {"type": "logging"}
    config.write_text(json.dumps({"dataPlane": {"backplane": backplane, "deadLetter": letters}}))

    ran = run_here("dead-letter", "list", "--config", config, "--json")

    assert len(ran.out.splitlines()) == 2


def test_a_configuration_without_a_dead_letter_has_none(tmp_path: Path) -> None:
    config = tmp_path / "experiments.json"
    letters = {"options": {"path": str(tmp_path / "letters.db")}}
    backplane = {"type": "logging"}
    config.write_text(json.dumps({"dataPlane": {"backplane": backplane, "deadLetter": letters}}))

    ran = run_here("dead-letter", "list", "--config", config)

    assert (ran.code, ran.out) == (0, "No dead letters.\n")
    assert not (tmp_path / "letters.db").exists()


def test_letters_in_another_backplane_are_looked_at_there(tmp_path: Path) -> None:
    config = tmp_path / "experiments.json"
    backplane = {"type": "logging", "deadLetter": {"type": "inMemory"}}
    config.write_text(json.dumps({"dataPlane": {"backplane": backplane}}))

    ran = run_here("dead-letter", "list", "--config", config)

    assert ran.code == 2
    assert "Dead letters of logging go to the backplane type inMemory, not here." in ran.err
    assert "no destination keeps dead letters in a file" in ran.err


@pytest.mark.parametrize("given", [[], ["--config", "a", "--store", "b"]])
def test_one_place_must_be_named(given: list[str]) -> None:
    ran = run_here("dead-letter", "list", *given)

    assert (ran.code, ran.err) == (2, "Give either --config FILE or --store PATH.\n")


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    ran = run_here("dead-letter", "list", "--store", tmp_path / "letters.db")

    assert ran.code == 2
    assert "there is no such file of dead letters" in ran.err
    assert not (tmp_path / "letters.db").exists()


def test_a_file_of_another_kind_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    path.write_text("no database, but long enough to be one " * 9)

    ran = run_here("dead-letter", "list", "--store", path)

    assert ran.code == 1
    assert "it is no SQLite database; choose another path" in ran.err


def test_another_database_is_a_failure_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE things (name)")
    before = path.read_bytes()

    ran = run_here("dead-letter", "purge", "--store", path, "--yes", "--json")

    assert ran.code == 1
    assert "no dead-letter store of experimentframework" in ran.document()["error"]
    assert path.read_bytes() == before


def test_a_newer_store_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"

    keep("sqlite", path, [make_letter()])
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA user_version=3")

    ran = run_here("dead-letter", "list", "--store", path)

    assert ran.code == 1
    assert "has version 3, this experimentframework knows version 2" in ran.err


def test_damaged_lines_are_said(tmp_path: Path) -> None:
    path = tmp_path / "letters.ndjson"

    keep("file", path, [make_letter()])
    path.write_bytes(path.read_bytes() + b'{"deadLet\n')

    ran = run_here("dead-letter", "list", "--store", path)

    assert ran.code == 0
    assert "1 damaged line was left out" in ran.err


def test_an_unknown_reason_is_refused() -> None:
    chosen = chosen_by(NOW, reasons=["bad"])

    with pytest.raises(CommandError, match="expected refused, attempts or plugin_error"):
        check_local(chosen)
