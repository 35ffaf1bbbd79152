"""Closed and full streams, and encodings without our characters: never a traceback."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.core.cli.command import COMMAND, Ran, environment_with

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = '{"type": "error"\n'
GOOD = json.dumps(
    {"type": "governance", "experimentName": "e", "action": "started", "actor": "ana"}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration, and a file of broken lines around a good one."""
    (tmp_path / "c.json").write_text('{"dataPlane": {"backplane": {"type": "inMemory"}}}')
    (tmp_path / "events.ndjson").write_text(f"{BROKEN * 30}{GOOD}\n{BROKEN * 30}")
    return tmp_path


def shell(folder: Path, line: str, **environment: str) -> Ran:
    """Run the command as a shell does, with its redirections."""
    done = subprocess.run(
        ["/bin/bash", "-c", f'exec "{COMMAND}" {line}'],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=250,
        stdin=subprocess.DEVNULL,
        env=environment_with(**environment),
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "2> >(exit 0)"])
def test_notes_that_cannot_be_written_are_dropped(folder: Path, redirection: str) -> None:
    """Given a stderr that takes nothing, When lines are broken, Then the reading goes on."""
    ran = shell(folder, f"publish -c c.json events.ndjson --json {redirection}")

    document = ran.document()
    assert ran.code == 1
    assert (document["lines"], document["broken"]["count"], document["accepted"]) == (61, 60, 1)
    assert document["troubles"] == ["60 lines could not be published; the rest was."]


@pytest.mark.parametrize(
    "command", ["plugins", "plugins --json", "--help", "--version", "validate c.json"]
)
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_an_output_that_cannot_be_written_is_one_line(
    folder: Path, command: str, redirection: str
) -> None:
    """Given a closed or full stdout, When a command has a result, Then that is said, and 1."""
    ran = shell(folder, f"{command} {redirection}")

    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("the output cannot be written: ")


def test_nobody_who_reads_is_no_message(folder: Path) -> None:
    """Given a pipe that its reader has left, When a command writes, Then it just ends."""
    ran = shell(folder, "plugins > >(exit 0)")

    assert "Traceback" not in ran.err
    assert ran.err == ""


def test_a_closed_stdin_is_wrong_usage(folder: Path) -> None:
    ran = shell(folder, "publish -c c.json - <&-")

    assert (ran.code, ran.err) == (2, "stdin is closed; name a file, or give events\n")


def test_all_streams_may_be_closed(folder: Path) -> None:
    """Given no stream at all, When a store is written, Then its file does not become a stream."""
    store = {"type": "sqlite", "options": {"path": "events.db"}}
    (folder / "s.json").write_text(json.dumps({"dataPlane": {"backplane": store}}))

    ran = shell(folder, "publish -c s.json events.ndjson <&- >&- 2>&-")
    again = shell(folder, "report events.db --json")

    assert (ran.code, again.code) == (1, 0)
    assert again.document()["experiments"] == []


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "C"],
)
def test_characters_that_an_encoding_lacks_are_replaced(
    folder: Path, environment: dict[str, str]
) -> None:
    """Given ASCII, When a text is not, Then marks stand for it; in JSON nothing is lost."""
    plane = {"batchSize": "größe", "backplane": {"type": "inMemory"}}
    (folder / "é.json").write_text(json.dumps({"dataPlane": plane}))

    demo = shell(folder, "demo", **environment)
    as_text = shell(folder, "validate é.json", PYTHONIOENCODING="ascii")
    as_json = shell(folder, "validate é.json --json", PYTHONIOENCODING="ascii")

    assert (demo.code, demo.err) == (0, "")
    assert "2,000 subjects" in demo.out
    assert "gr??e" in as_text.out
    assert as_json.out.isascii()
    assert "größe" in as_json.document()["problems"][0]["message"]
