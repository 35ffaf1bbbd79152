"""The other commands, the help, and what is said without the extras."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from experimentframework_core._sqlite import database
from experimentframework_core.cli import _doctor
from tests.core.cli.command import environment_with, run, run_here

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
COMMANDS = (
    "demo",
    "validate",
    "plugins",
    "publish",
    "tail",
    "replay",
    "export",
    "report",
    "schema",
    "dead-letter",
    "doctor",
    "new-plugin",
    "sqlserver",
)
GROUPS = ("schema", "dead-letter", "sqlserver")

Write = Callable[[object], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a data plane's configuration."""

    def write(data_plane: object) -> Path:
        path = tmp_path / "experiments.json"
        path.write_text(json.dumps({"dataPlane": data_plane}))
        return path

    return write


def run_without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where ``module`` is not installed."""
    program = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv[1:] = {list(arguments)!r};"
        "from experimentframework_core.cli import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=environment_with(),
    )


@pytest.mark.parametrize(
    "module", ["experimentframework_core", "typer", "experimentframework_core.cli._plugins"]
)
def test_an_interruption_while_it_is_loaded_ends_it_quietly(module: str) -> None:
    """Given a Ctrl-C in the midst of an import, When a command starts, Then it only ends, 130."""
    program = f"""if True:
        import os, signal, sys
        from experimentframework_command import main
        class Interrupts:
            def find_spec(name, *_):
                if name == {module!r}:
                    os.kill(os.getpid(), signal.SIGINT)
        sys.meta_path.insert(0, Interrupts)
        sys.argv[1:] = ["plugins"]
        main()
    """
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, env=environment_with()
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


def test_the_command_begins_where_it_can_be_interrupted() -> None:
    """Given the installed command, Then nothing heavy is imported before Ctrl-C is caught."""
    (script,) = entry_points(group="console_scripts", name="experimentframework")

    program = f"import {script.module}, sys; sys.exit('experimentframework_core' in sys.modules)"

    assert script.value == "experimentframework_command:main"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("command", ["validate", "doctor", "tail"])
def test_an_event_type_of_the_application_stops_no_command(
    write: Write, tmp_path: Path, command: str
) -> None:
    """Given a type that only the application registers, When a command runs, Then it is told."""
    store = {"type": "sqlite", "options": {"path": str(tmp_path / "events.db")}}
    config = write({"backplane": {**store, "events": ["subscriptionRenewed"]}})
    run_here("doctor", "--config", config)
    warning = "no event type 'subscriptionRenewed' is registered here"

    ran = run_here(command, *(() if command == "validate" else ("--config",)), config)

    assert ran.code == 0
    assert warning in (ran.out if command == "validate" else ran.err)


def test_the_demo_shows_configuration_and_report() -> None:
    ran = run("demo")

    assert (ran.code, ran.err) == (0, "")
    assert "type: sqlite" in ran.out
    assert "checkout: 2,000 exposed subjects" in ran.out
    assert "Sample ratio: as expected" in ran.out
    assert "experimentframework publish --config" in ran.out.splitlines()[-1]


def test_the_demo_keeps_a_store_that_can_be_reported_again(tmp_path: Path) -> None:
    folder = tmp_path / "kept"

    ran = run("demo", "--keep", folder, "--json")
    report = run("report", "--config", folder / "experiments.yaml", "--json")
    again = run("demo", "--keep", folder)

    assert ran.code == 0
    assert report.document()["experiments"] == ran.document()["experiments"]
    assert again.code == 2
    assert "is not an empty folder" in again.err


def test_a_good_configuration_has_no_problems(write: Write) -> None:
    path = write({"backplane": {"type": "inMemory"}})

    ran = run("validate", path)

    assert (ran.code, ran.out) == (0, f"{path}: no problems\n")


def test_all_problems_are_shown_with_their_places(write: Write) -> None:
    path = write({"batchSize": 0, "backplane": {"type": "inMemory", "nam": "x"}})

    ran = run("validate", path)
    as_json = run("validate", path, "--json")

    assert (ran.code, as_json.code) == (2, 2)
    assert re.search(r"experiments\.json:1:\d+: dataPlane\.batchSize: ", ran.out)
    assert "2 problems" in ran.out
    assert as_json.document()["valid"] is False
    assert len(as_json.document()["problems"]) == 2


def test_settings_are_shown_with_who_said_them_and_secrets_are_not(write: Write) -> None:
    path = write(
        {
            "piiRedaction": {"redactSubjectIds": True, "hashKey": "very secret"},
            "batchBytes": "2MiB",
            "backplane": {
                "type": "inMemory",
                "name": "kept",
                "flushIntervalMs": 5,
                "options": {"maxEvents": 7, "batchSize": 3},
            },
        }
    )

    ran = run("validate", path, "--print", "--json")

    settings = {each["path"]: (each["value"], each["from"]) for each in ran.document()["settings"]}
    assert ran.code == 0
    assert "very secret" not in ran.out
    assert settings["dataPlane.piiRedaction.hashKey"] == ("***", "dataPlane")
    assert settings["dataPlane.samplingRate"] == (1.0, "default")
    assert settings["kept.batchSize"] == (3, "options")
    assert settings["kept.flushIntervalMs"] == (5, "backplane")
    assert settings["kept.batchBytes"] == (2 * 1024 * 1024, "dataPlane")
    assert settings["kept.concurrency"] == (1, "default")
    assert settings["kept.options.maxEvents"] == (7, "options")


def test_the_built_in_plugins_are_listed() -> None:
    ran = run("plugins", "--json")
    as_text = run("plugins")

    listed = {each["type"]: each for each in ran.document()["plugins"]}
    assert (ran.code, as_text.code) == (0, 0)
    assert listed["sqlite"]["distribution"] == "experimentframework-core"
    assert "durable" in listed["sqlite"]["features"]
    assert listed["sqlite"]["state"] == "ok"
    assert "sqlite" in as_text.out


def in_folder(folder: Path) -> dict[str, str]:
    """Return the environment in which nothing is kept but in ``folder``."""
    return {
        "EXPERIMENTFRAMEWORK_STATE": str(folder),
        "EVENTS_BUFFER": str(folder / "buffer"),
        "EVENTS_DB": str(folder / "events.db"),
    }


def test_the_doctor_finds_a_healthy_plane_healthy(write: Write, tmp_path: Path) -> None:
    store = {"type": "sqlite", "options": {"path": str(tmp_path / "events.db")}}
    path = write({"backplane": {"type": "composite", "backplanes": [store, {"type": "inMemory"}]}})

    ran = run("doctor", "--config", path, "--json", EXPERIMENTFRAMEWORK_STATE=str(tmp_path))

    checks = {each["name"]: each for each in ran.document()["checks"]}
    assert ran.code == 0
    assert checks["backplane sqlite"]["found"] == "sqlite: opens and answers"
    assert checks["backplane inMemory"]["ok"] is True
    assert str(tmp_path) in checks["dead letters"]["found"]


def test_the_doctor_names_what_is_unhealthy(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = {"type": "sqlite", "options": {"path": str(tmp_path / "file" / "events.db")}}
    path = write({"backplane": store})

    ran = run("doctor", "--config", path, EXPERIMENTFRAMEWORK_STATE=str(tmp_path / "file"))

    bad = [line for line in ran.out.splitlines() if "BAD" in line]
    assert ran.code == 1
    assert [line.split("  ")[0] for line in bad] == ["backplane sqlite", "dead letters"]


def test_the_doctor_writes_to_the_place_of_dead_letters(write: Write) -> None:
    """Given a folder in which not even root can write, when it is checked, then it is bad."""
    path = write({"backplane": {"type": "inMemory"}})

    ran = run("doctor", "--config", path, "--json", EXPERIMENTFRAMEWORK_STATE="/proc/nope")

    checks = {each["name"]: each for each in ran.document()["checks"]}
    assert ran.code == 1
    assert "/proc cannot be written" in checks["dead letters"]["found"]


@pytest.mark.parametrize(("version", "mode"), [((3, 40, 1), "rollback"), ((3, 51, 3), "write-ah")])
def test_the_doctor_says_what_the_sqlite_version_means(
    version: tuple[int, int, int], mode: str
) -> None:
    assert mode in _doctor.sqlite_check(version).found
    assert database._sqlite_without_wal_reset_bug == _doctor.WAL_FROM


def test_the_lines_of_a_table_end_with_their_text(write: Write) -> None:
    ran = run("doctor", "--config", write({"backplane": {"type": "inMemory"}}))

    assert [line for line in ran.out.splitlines() if line != line.rstrip()] == []


def test_a_clock_that_stands_at_1970_is_bad() -> None:
    assert not _doctor.clock_check(datetime(1970, 1, 1, tzinfo=UTC)).ok
    assert _doctor.clock_check(datetime(2026, 6, 1, tzinfo=UTC)).ok


def test_the_doctor_says_which_metrics_are_off() -> None:
    """Given one of two libraries, when the doctor looks, then it names the extra of the other."""
    check = _doctor.metrics_check("1.45.2", None)

    assert check.ok
    assert check.found == (
        "opentelemetry-api 1.45.2; no prometheus-client:"
        ' pip install "experimentframework[prometheus]"'
    )


def test_without_the_extra_the_command_says_what_to_install() -> None:
    ran = run_without("typer", "demo")

    assert ran.returncode == 2
    assert ran.stderr == 'The command needs its extra: pip install "experimentframework[cli]"\n'


def test_without_scipy_the_report_says_what_to_install() -> None:
    ran = run_without("scipy", "report", "events.db")

    assert ran.returncode == 2
    assert ran.stderr == 'The report needs its extra: pip install "experimentframework[report]"\n'


def test_without_scipy_the_demo_still_publishes() -> None:
    ran = run_without("scipy", "demo")

    assert ran.returncode == 0
    assert 'pip install "experimentframework[report]"' in ran.stdout


def test_help_does_not_load_what_only_a_report_needs() -> None:
    program = (
        "import sys; from experimentframework_core.cli._app import app_with; app_with();"
        "sys.exit(bool({'scipy', 'numpy', 'ruamel'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_version_is_that_of_the_distribution() -> None:
    ran = run("--version")

    assert ran.code == 0
    assert ran.out.split() == ["experimentframework", version("experimentframework-core")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("publish",), "Missing argument"),
        (("publsh",), "No such command"),
        (("doctor", "--cofnig"), "No such option"),
    ],
)
def test_wrong_usage_is_json_where_it_is_asked_for(arguments: tuple[str], message: str) -> None:
    ran = run(*arguments, "--json")

    assert ran.code == 2
    assert message in ran.document()["error"]
    assert ran.document()["problems"] == []
    assert message in ran.err


def test_no_command_shows_the_help_and_an_unknown_one_exits_with_2() -> None:
    bare, unknown = run(), run("publsh")

    assert all(command in bare.out + bare.err for command in COMMANDS)
    assert (bare.code, unknown.code) == (2, 2)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in GROUPS])
def test_the_reference_lists_every_option(command: str) -> None:
    section = DOCUMENTATION.read_text().split(f"\n## `{command}`\n")[1].split("\n## ")[0]
    table = "".join(line for line in section.splitlines() if line.startswith("| `-"))

    helped = run(command, "--help", COLUMNS="200", NO_COLOR="1")

    documented = set(re.findall(r"(?<![\w-])--[a-z-]+", table))
    assert documented == set(re.findall(r"(?<![\w-])--[a-z-]+", helped.out)) - {"--help"}
    assert set(re.findall(r"(?<![\w-])-[a-z]\b", table)) == set(
        re.findall(r"(?<![\w-])-[a-z]\b", helped.out)
    ) - {"-h"}


def test_the_reference_lists_every_command() -> None:
    documented = re.findall(r"^## `(.+)`$", DOCUMENTATION.read_text(), re.MULTILINE)

    helped = run("--help", COLUMNS="200", NO_COLOR="1")

    assert tuple(documented) == COMMANDS
    assert all(re.search(rf"^\W*{command} ", helped.out, re.MULTILINE) for command in COMMANDS)
