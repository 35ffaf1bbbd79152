"""`experimentframework sqlserver`, as far as it needs no server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from experimentframework_sqlserver._table.naming import Names
from experimentframework_sqlserver._table.script import script, upgrade_script
from tests.core.cli.command import run, run_here

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "Server=127.0.0.1,1;UID=app;PWD=never-shown;Connect Timeout=1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with one sqlServer backplane beside another type."""
    sql = {"connectionString": NOWHERE, "schema": "shop", "tableName": "Events"}
    members = [{"type": "sqlServer", "name": "events", "options": sql}, {"type": "logging"}]
    path = tmp_path / "experiments.json"
    path.write_text(
        json.dumps({"dataPlane": {"backplane": {"type": "composite", "backplanes": members}}})
    )
    return path


def test_a_script_needs_no_configuration() -> None:
    """Given nothing, When a script is printed, Then it is that of the usual names."""
    ran = run("sqlserver", "script")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == script(Names("dbo", "ExperimentEvents"))


def test_a_script_has_the_names_of_the_configuration(config: Path) -> None:
    """Given a configuration, When its script is printed, Then it is for its table, unopened."""
    ran = run_here("sqlserver", "script", "--config", config, "--idempotent")

    assert (ran.code, ran.out) == (0, script(Names("shop", "Events"), idempotent=True))


def test_a_script_has_the_names_that_are_said() -> None:
    """Given names, When the upgrade of a table of .NET is printed, Then it has them."""
    names = ("--schema", "shop", "--table", "Events")

    ran = run_here("sqlserver", "script", "--upgrade-dotnet", *names, "--json")

    assert ran.document() == {
        "table": "shop.Events",
        "script": upgrade_script(Names("shop", "Events")),
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["script", "--schema", "x]"], "schema: holds a dot, bracket or quote"),
        (["script", "--table", "a$(x)"], "tableName: holds '$('"),
        (["script", "--upgrade-dotnet", "--to", "1"], "--upgrade-dotnet is a script of its own"),
        (["script", "--upgrade-dotnet", "--idempotent"], "without --idempotent, --from and --to"),
        (["script", "--from", "9"], "--from 9: there is no way from version 9"),
        (["script", "--from", "1", "--to", "0"], "the versions are 0 to"),
        (["script", "--config", "CONFIG", "--table", "x"], "Give either --config, or --schema"),
        (["migrate", "--config", "CONFIG", "--backplane", "logging"], "logging is no sqlServer"),
        (["status", "--config", "missing.yaml"], "missing.yaml"),
        (["purge", "--config", "CONFIG"], "say --older-than, as in 90d"),
        (["purge", "--config", "CONFIG", "--older-than", "old"], "--older-than: 'old' is no time"),
    ],
)
def test_wrong_usage_exits_with_2(config: Path, arguments: list[str], reason: str) -> None:
    """Given what cannot be meant, When it is run, Then it says so, and connects to nothing."""
    ran = run_here("sqlserver", *(str(config) if each == "CONFIG" else each for each in arguments))

    assert ran.code == 2
    assert reason in ran.err


@pytest.mark.parametrize("command", ["migrate", "status", "purge"])
def test_a_server_that_does_not_answer_exits_with_1(config: Path, command: str) -> None:
    """Given a server that is not there, When it is needed, Then it says so without the password."""
    more = ["--older-than", "1d"] if command == "purge" else []

    ran = run_here("sqlserver", command, "--config", config, *more)

    assert ran.code == 1
    assert "the table shop.Events" in ran.err or "connect to" in ran.err
    assert "never-shown" not in ran.err
