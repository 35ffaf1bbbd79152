"""`schema check`: whether old events can be read by new schemas."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.cli.command import run, run_here

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
EXPOSURE = SCHEMAS / "exposure" / "1.0.0.json"


def changed(folder: Path, change: Callable[[dict[str, Any]], object], name: str = "new") -> Path:
    """Write the exposure's schema with a change."""
    schema = json.loads(EXPOSURE.read_text())
    change(schema)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(schema))
    return file


def adds_a_field(schema: dict[str, Any]) -> None:
    schema["properties"]["device"] = {"type": "string"}


def needs_a_field(schema: dict[str, Any]) -> None:
    adds_a_field(schema)
    schema["required"].append("device")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return two folders with what is published."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        shutil.copytree(SCHEMAS, folder)
    return old, new


def test_what_is_published_is_compatible_with_what_the_command_prints(tmp_path: Path) -> None:
    """Given the published folder and an export, when checked, then there is no difference."""
    export = tmp_path / "export.json"
    run("schema", "events", "--output", export)

    ran = run("schema", "check", SCHEMAS, export)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "Compatible: no differences; old events can be read.\n"


def test_a_compatible_change_is_told_and_exits_with_0(tmp_path: Path) -> None:
    """Given a new optional field, when checked, then it is told, and the exit code is 0."""
    new = changed(tmp_path, adds_a_field)

    ran = run_here("schema", "check", EXPOSURE, new)

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "schema  effect      place               meaning",
        '-       compatible  /properties/device  new optional field: "device"',
        "Compatible: 1 difference; old events can be read.",
    ]


def test_a_change_that_breaks_exits_with_1(tmp_path: Path) -> None:
    """Given a new required field, when checked, then it is told, and the exit code is 1."""
    new = changed(tmp_path, needs_a_field)

    ran = run_here("schema", "check", EXPOSURE, new)

    assert ran.code == 1
    assert ran.out.splitlines()[-2:] == [
        '-       breaks  /properties/device  new required field: no old event has "device"',
        "Not compatible: 1 of 1 difference breaks the reading of old events.",
    ]


def test_json_has_every_difference(tmp_path: Path) -> None:
    """Given both kinds of changes, when checked with --json, then each has its place."""

    def change(schema: dict[str, Any]) -> None:
        needs_a_field(schema)
        del schema["properties"]["rulePath"]

    ran = run_here("schema", "check", EXPOSURE, changed(tmp_path, change), "--json")

    assert ran.code == 1
    assert ran.document() == {
        "compatible": False,
        "differences": [
            {
                "schema": "",
                "old": "",
                "new": "",
                "breaking": True,
                "kind": "required",
                "place": "/properties/device",
                "within": "new",
                "meaning": 'new required field: no old event has "device"',
            },
            {
                "schema": "",
                "old": "",
                "new": "",
                "breaking": False,
                "kind": "field",
                "place": "/properties/rulePath",
                "within": "old",
                "meaning": 'removed field: "rulePath" of old events is kept as it is, but not read',
            },
        ],
    }


def test_the_newest_version_reads_every_old_one(folders: tuple[Path, Path]) -> None:
    """Given three versions, when checked, then the newest is compared with each of the old."""
    old, new = folders
    changed(old / "exposure", adds_a_field, "1.1.0")
    changed(new / "exposure", adds_a_field, "1.1.0")
    changed(new / "exposure", needs_a_field, "1.10.0")

    ran = run_here("schema", "check", old, new, "--json")

    assert ran.code == 1
    found = [(row["old"], row["new"], row["kind"]) for row in ran.document()["differences"]]
    assert found == [("1.0.0", "1.10.0", "required"), ("1.1.0", "1.10.0", "required")]


@pytest.mark.parametrize(
    ("change", "row"),
    [
        (
            lambda old, new: shutil.rmtree(new / "outcome"),
            ("outcome", "1.0.0", "", True, "removed"),
        ),
        (
            lambda old, new: shutil.rmtree(old / "outcome"),
            ("outcome", "", "1.0.0", False, "added"),
        ),
        (
            lambda old, new: shutil.copy(EXPOSURE, new / "exposure" / "2.0.0.json"),
            ("exposure", "1.0.0", "2.0.0", True, "major"),
        ),
        (
            lambda old, new: changed(new / "exposure", adds_a_field, "1.0.0"),
            ("exposure", "1.0.0", "1.0.0", False, "published"),
        ),
    ],
)
def test_what_became_of_a_type_is_told(
    folders: tuple[Path, Path],
    change: Callable[[Path, Path], object],
    row: tuple[str, str, str, bool, str],
) -> None:
    """Given types and versions that came, went or changed, when checked, then that is told."""
    change(*folders)

    ran = run_here("schema", "check", *folders, "--json")

    assert ran.code == (1 if row[3] else 0)
    first = ran.document()["differences"][0]
    assert tuple(first[key] for key in ("schema", "old", "new", "breaking", "kind")) == row


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "new.json cannot be read: No such file or directory"),
        (b"{", "new.json is not JSON: Input data was truncated"),
        (b"\xff", "new.json is not JSON: "),
        (b"[1]", "new.json: a JSON Schema is an object, or true or false, not [1]"),
        (b'{"types": {"exposure": {}}}', "new.json: types.exposure has no versions"),
        (b'{"types": {"exposure": {"1.0.0": 5}}}', "new.json: a JSON Schema is an object"),
        (b'{"types": {}}', "is one schema, and"),
        (b'{"$ref": "#/$defs/A"}', "/$ref: #/$defs/A is not there"),
        (b'{"properties": 5, "type": "object"}', "not a JSON Schema of draft 2020-12: "),
    ],
)
def test_what_cannot_be_checked_exits_with_2(text: bytes | None, says: str, tmp_path: Path) -> None:
    """Given what is no schema, when checked, then the message says which file, and why."""
    file = tmp_path / "new.json"
    if text is not None:
        file.write_bytes(text)

    ran = run_here("schema", "check", EXPOSURE, file, "--json")

    assert ran.code == 2
    assert says in ran.err
    assert says in ran.document()["error"]


def test_a_folder_without_schemas_exits_with_2(tmp_path: Path) -> None:
    """Given an empty folder, when checked, then the message says so."""
    ran = run_here("schema", "check", SCHEMAS, tmp_path)

    assert (ran.code, ran.err) == (2, f"{tmp_path} has no schemas: no file *.json\n")


def test_a_schema_of_a_set_is_named_where_it_cannot_be_checked(
    folders: tuple[Path, Path],
) -> None:
    """Given a set with a broken schema, when checked, then the message has its name."""
    old, new = folders
    (new / "exposure" / "1.0.0.json").write_text('{"$ref": "#/nowhere"}')

    ran = run_here("schema", "check", old, new)

    assert (ran.code, ran.err) == (2, "exposure: /$ref: #/nowhere is not there\n")
