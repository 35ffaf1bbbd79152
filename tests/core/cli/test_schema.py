"""`schema`: the JSON Schemas of the configuration and of the events."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from jsonschema import Draft202012Validator

from experimentframework_core.cli import _schema
from experimentframework_core.config import json_schema
from experimentframework_core.plugins import InstalledPlugin, find_plugin, installed_plugins
from tests.core.cli.command import run, run_here
from tests.core.config.schema.test_json_schema import Odd

if TYPE_CHECKING:
    from tests.core.sites import Site

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "reference" / "cli.md"
SCHEMAS = DOCS / "schemas"
INSTALLED = [found.plugin for found in installed_plugins() if found.plugin is not None]
DOCUMENT = {"dataPlane": {"backplane": {"type": "sqlite", "options": {"path": "a.db"}}}}


def test_the_schema_of_a_configuration_has_every_installed_type() -> None:
    """Given the installed plugins, When the schema is printed, Then it has the options of each."""
    ran = run("schema", "config")

    assert (ran.code, ran.err) == (0, "")
    assert ran.document() == json_schema(INSTALLED)


def test_the_file_is_what_would_be_printed(tmp_path: Path) -> None:
    """Given a file, When the schema goes into it, Then stdout is empty and the file is the same."""
    file = tmp_path / "schema.json"

    ran = run_here("schema", "config", "--output", file, "--json")

    assert (ran.code, ran.out, ran.err) == (0, "", f"{file} is written.\n")
    assert file.read_text("utf-8") == run_here("schema", "config").out


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    """Given a folder in place of a file, When the schema goes there, Then the message says why."""
    ran = run_here("schema", "config", "--output", tmp_path, "--json")

    assert ran.code == 1
    assert ran.document()["error"] == f"{tmp_path} cannot be written: Is a directory"


@pytest.mark.parametrize("document", [DOCUMENT, {**DOCUMENT, "dataPlan": {}}])
def test_any_validator_can_use_it(document: dict[str, object], tmp_path: Path) -> None:
    """Given the schema in a file, When jsonschema's command reads it, Then it judges by it."""
    schema, instance = tmp_path / "schema.json", tmp_path / "experiments.json"
    run_here("schema", "config", "--output", schema)
    instance.write_text(json.dumps(document))

    command = [sys.executable, "-W", "ignore", "-m", "jsonschema", "-i", str(instance), str(schema)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (judged.returncode == 0) == (document == DOCUMENT), judged.stderr


def test_a_plugin_without_a_schema_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a broken plugin and an odd one, When printed, Then the rest is there, and both said."""
    odd = msgspec.structs.replace(find_plugin("inMemory"), options=Odd)
    good = find_plugin("sqlite")
    found = (
        InstalledPlugin(type="broken", distribution="x", version="1", error="it is broken"),
        InstalledPlugin(type="odd", distribution="x", version="1", plugin=odd),
        InstalledPlugin(type="sqlite", distribution="x", version="1", plugin=good),
    )
    monkeypatch.setattr(_schema, "installed_plugins", lambda: found)

    ran = run_here("schema", "config")

    assert ran.code == 0
    assert ran.document() == json_schema([good])
    assert [line.partition(":")[0] for line in ran.err.splitlines()] == [
        "broken is left out",
        "odd is left out",
    ]


@pytest.mark.parametrize(
    ("group", "what"),
    [
        ("experimentframework.decorators", "decorator"),
        ("experimentframework.selection_modes", "selection mode"),
    ],
)
def test_a_broken_plugin_of_another_kind_is_left_out_and_said(
    group: str, what: str, site: Site
) -> None:
    """Given a decorator or mode that cannot be loaded, When printed, Then it is said."""
    site.install("acme-moon", type_name="moon", code="plugin = 1/0", group=group)

    ran = run_here("schema", "config")

    assert ran.code == 0
    assert ran.err.startswith(f"the {what} moon is left out: ")
    assert "division by zero" in ran.err


def test_the_schemas_of_events_are_the_published_ones() -> None:
    """Given docs/schemas, When the schemas are printed, Then they are the same."""
    printed = run("schema", "events").document()

    published = {
        folder.name: {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}
        for folder in SCHEMAS.iterdir()
        if folder.is_dir()
    }
    assert printed["envelope"] == json.loads((SCHEMAS / "envelope.json").read_text())
    assert printed["types"] == published


def test_one_type_is_its_newest_schema() -> None:
    """Given a type, When its schema is printed, Then it is a schema, and the newest one."""
    ran = run_here("schema", "events", "--type", "exposure")

    Draft202012Validator.check_schema(ran.document())
    assert ran.document() == json.loads((SCHEMAS / "exposure" / "1.0.0.json").read_text())


def test_an_unknown_type_is_wrong_usage() -> None:
    """Given a type that there is not, When its schema is asked for, Then the message lists them."""
    ran = run_here("schema", "events", "--type", "exposur", "--json")

    assert ran.code == 2
    assert "no event type 'exposur'; expected exposure, assignment, outcome" in ran.err
    assert ran.document()["problems"] == []


@pytest.mark.parametrize("command", ["config", "events"])
def test_the_reference_lists_every_option(command: str) -> None:
    """Given the command line's page, When its tables are read, Then they have every option."""
    section = PAGE.read_text().split(f"\n### `schema {command}`\n")[1].split("\n## ")[0]
    table = "".join(line for line in section.split("\n### ")[0].splitlines() if line[:3] == "| `")

    helped = run("schema", command, "--help", COLUMNS="200", NO_COLOR="1")

    shown = set(re.findall(r"(?<![\w-])--[a-z-]+", helped.out)) - {"--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z-]+", table)) == shown
