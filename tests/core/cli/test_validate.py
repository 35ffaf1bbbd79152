"""`validate`: what it prints, and how it ends."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.cli import _validate
from tests.core.cli.command import run, run_here
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from pathlib import Path

TEN_MISTAKES = """\
experimentFramework:
  dataPlane:
    batchSize: 0
    flushIntervalMs: 5 parsecs
    samplingRat: 0.5
    enableErrorEvents: maybe
    ack: certain
    piiRedaction: {hashKey: 5}
    retry: {initialDelayMs: 10s, maxDelayMs: 1s}
    batchSize: 7
    backplane:
      type: sqlight
      events: []
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the test's files are, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")


def two_files(folder: Path) -> None:
    write(folder, "base.yaml", "dataPlane: {batchSize: 5, backplane: {type: inMemory}}\n")
    write(folder, "prod.yaml", "dataPlane:\n  batchSize: 6\n")


def test_ten_mistakes_are_ten_problems(folder: Path) -> None:
    """Given ten different mistakes, When validated, Then ten problems are told, each in place."""
    write(folder, "e.yaml", TEN_MISTAKES)

    ran = run("validate", "e.yaml")

    *problems, summary = ran.out.splitlines()
    places = [re.match(r"e\.yaml:(\d+):(\d+): ([\w.]+): .+", line) for line in problems]
    assert [place and place.groups() for place in places] == [
        ("3", "5", "dataPlane.batchSize"),
        ("4", "5", "dataPlane.flushIntervalMs"),
        ("5", "5", "dataPlane.samplingRat"),
        ("6", "5", "dataPlane.enableErrorEvents"),
        ("7", "5", "dataPlane.ack"),
        ("8", "20", "dataPlane.piiRedaction.hashKey"),
        ("9", "13", "dataPlane.retry.initialDelayMs"),
        ("10", "5", "dataPlane.batchSize"),
        ("12", "7", "dataPlane.backplane.type"),
        ("13", "7", "dataPlane.backplane.events"),
    ]
    assert (ran.code, summary) == (2, "10 problems")


def test_without_a_path_the_current_folder_is_searched(folder: Path) -> None:
    """Given the usual files, When nothing is named, Then they are validated together."""
    write(folder, "experiments.yaml", "dataPlane: {backplane: {type: inMemory}}\n")
    write(folder, "ExperimentDefinitions/more.yaml", "dataPlane: {batchSize: 6}\n")

    ran = run_here("validate")

    assert (ran.code, ran.out) == (0, "experiments.yaml and 1 other file: no problems\n")


def test_an_empty_folder_says_what_was_looked_for(folder: Path) -> None:
    ran = run_here("validate")

    assert ran.code == 2
    assert "no configuration in this folder; expected experiments.yaml" in ran.out


def test_several_paths_are_merged_and_what_is_overridden_is_told_if_asked(folder: Path) -> None:
    """Given two files, When validated, Then an override is told with --verbose or --print only."""
    two_files(folder)

    ran = run_here("validate", "base.yaml", "prod.yaml")
    verbose = run_here("validate", "base.yaml", "prod.yaml", "--verbose")
    shown = run_here("validate", "base.yaml", "prod.yaml", "--print")

    told = "prod.yaml:2:3: information: dataPlane.batchSize: overrides base.yaml:1:13\n"
    assert (ran.code, ran.out) == (0, "base.yaml and 1 other file: no problems\n")
    assert verbose.out == f"{told}base.yaml and 1 other file: no problems\n"
    assert shown.out.startswith(told)


def test_each_setting_is_shown_with_its_place(folder: Path) -> None:
    """Given settings of two files, When printed, Then each says which file and line it is of."""
    two_files(folder)

    ran = run_here("validate", "base.yaml", "prod.yaml", "--print", "--json")

    said = {each["path"]: (each["from"], each["at"]) for each in ran.document()["settings"]}
    assert said["inMemory.batchSize"] == ("dataPlane", "prod.yaml:2")
    assert said["inMemory.type"] == ("backplane", "base.yaml:1")
    assert said["inMemory.batchBytes"] == ("default", "default")
    assert said["dataPlane.samplingRate"] == ("default", "default")
    assert ran.document()["files"] == ["base.yaml", "prod.yaml"]


def test_a_replaced_experiment_is_a_warning(folder: Path) -> None:
    write(folder, "base.yaml", "experiments: [{name: a}]\n")
    write(folder, "more.yaml", "experiments: [{name: A}]\n")

    ran = run_here("validate", "base.yaml", "more.yaml")

    assert "more.yaml:1:15: warning: experiments[0]: replaces the experiment of the" in ran.out


def test_a_warning_is_told_and_is_no_error_unless_strict(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a plugin that warns, When validated, Then that is told; with --strict, exit 2."""
    monkeypatch.setattr(_validate, "find_plugin", find_plugin)
    node = "{type: courier, options: {addresses: a, code: odd}}"
    write(folder, "e.yaml", f"dataPlane: {{backplane: {node}}}\n")

    ran = run_here("validate", "e.yaml")
    strict = run_here("validate", "e.yaml", "--strict")

    warning = "dataPlane.backplane.options.code: an odd code is slow"
    assert (ran.code, strict.code) == (0, 2)
    assert ran.out == f"e.yaml:1:64: warning: {warning}\ne.yaml: 1 warning\n"
    assert strict.out == ran.out


def test_json_has_every_part_of_a_problem(folder: Path) -> None:
    write(folder, "e.yaml", "dataPlane: {batchSize: 0, backplane: {type: inMemory}}\n")

    ran = run_here("validate", "e.yaml", "--json")

    assert ran.code == 2
    assert ran.document() == {
        "valid": False,
        "files": ["e.yaml"],
        "problems": [
            {
                "message": "out of range: 0; expected a whole number, at least 1",
                "path": "dataPlane.batchSize",
                "file": "e.yaml",
                "line": 1,
                "column": 13,
                "severity": "error",
            }
        ],
        "settings": [],
    }


def test_a_terminal_gets_the_source_line_with_a_caret(folder: Path) -> None:
    """Given a problem beside a secret, When a terminal asks, Then its line is shown without it."""
    write(
        folder,
        "é.yaml",
        """\
        dataPlane:
          piiRedaction: {hashKey: hunter2, "redactSubjectIds": 5}
          backplane: {type: inMemory, name: 数据, evnts: hunter2}
        """,
    )

    ran = run("validate", "é.yaml", FORCE_COLOR="1", TERM="dumb", PYTHONUTF8="1")

    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.out)
    assert plain.splitlines()[:3] == [
        (
            "é.yaml:2:36: error: dataPlane.piiRedaction.redactSubjectIds: unexpected number 5;"
            " expected true or false"
        ),
        '    2 |   piiRedaction: {hashKey: ***, "redactSubjectIds": 5}',
        "      |                                ^",
    ]
    assert "hunter2" not in plain
    assert plain.splitlines()[4:6] == [
        "    3 |   backplane: {type: inMemory, name: 数据, evnts: ***}",
        "      |                                           ^",
    ]


def test_a_file_over_the_limit_is_refused(folder: Path) -> None:
    (folder / "e.json").write_bytes(b" " * (1024 * 1024 + 1))

    ran = run_here("validate", "e.json")

    assert (ran.code, ran.out) == (2, "e.json: too large; expected at most 1 MiB\n1 problem\n")


GOVERNED = """\
governance:
  policies: [{type: errorRate, maxErrorRate: 0.1}]
  persistence: {type: redis, connectionString: hunter2}
decorators: [{type: exposureLogging}]
"""


def test_what_is_only_read_is_told_and_is_no_problem(folder: Path) -> None:
    """Given sections that nothing acts on, When validated, Then that is told, and all is good."""
    write(folder, "e.yaml", GOVERNED)

    ran = run_here("validate", "--strict", "e.yaml")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        (
            "e.yaml:4:1: information: decorators: validated and offered as config.decorators;"
            " nothing is wrapped by it in this version; exposureLogging will act through"
            " plane.expose() in a later one"
        ),
        (
            "e.yaml:1:1: information: governance: validated and offered as config.governance;"
            " nothing is governed by it in this version"
        ),
        "e.yaml: no problems",
    ]


def test_settings_without_a_data_plane_are_shown_without_secrets(folder: Path) -> None:
    """Given governance only, When its settings are printed, Then each is there, the secret not."""
    write(folder, "e.yaml", GOVERNED)

    ran = run_here("validate", "--print", "--json", "e.yaml")

    settings = {each["path"]: each for each in ran.document()["settings"]}
    assert settings["governance.policies[0].maxErrorRate"]["at"] == "e.yaml:2"
    assert settings["governance.persistence.connectionString"]["value"] == "***"
    assert settings["governance.initialState"]["from"] == "default"
    assert not any(path.startswith("dataPlane") for path in settings)


def test_a_path_that_may_not_be_read_is_one_of_the_problems(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a folder of another user, When it is named beside a file, Then both are checked."""
    write(folder, "e.yaml", "dataPlane: {batchSize: 0, backplane: {type: inMemory}}\n")
    write(folder, "q1/experiments.yaml", "{}")
    monkeypatch.setattr("os.access", lambda *_, **__: False)

    ran = run_here("validate", "e.yaml", "q1")

    assert ran.code == 2
    assert ran.out.startswith("e.yaml:1:13: dataPlane.batchSize: out of range: 0;")


def test_a_table_in_a_pipe_is_not_wrapped(folder: Path) -> None:
    """Given long paths and values, When settings are printed to a pipe, Then each is one line."""
    name = "n" * 150
    node = f"{{type: sqlite, name: {name}, options: {{path: {'p' * 300}.db}}}}"
    write(folder, "e.yaml", f"dataPlane: {{backplane: {node}}}\n")

    ran = run("validate", "--print", "e.yaml")

    lines = ran.out.splitlines()
    assert all(
        line.startswith(("Setting", "settings.", "dataPlane.", f"{name}.")) for line in lines
    )
    assert any(f"{'p' * 300}.db" in line and line.endswith("e.yaml:1") for line in lines)


def test_strict_calls_a_warning_invalid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given only a warning, When validated strictly as JSON, Then the document says so too."""
    monkeypatch.setattr(_validate, "find_plugin", find_plugin)
    node = "{type: courier, options: {addresses: a, code: odd}}"
    write(folder, "e.yaml", f"dataPlane: {{backplane: {node}}}\n")

    lax = run_here("validate", "--json", "e.yaml")
    strict = run_here("validate", "--json", "--strict", "e.yaml")

    assert (lax.code, lax.document()["valid"]) == (0, True)
    assert (strict.code, strict.document()["valid"]) == (2, False)
