"""The broker of our own as a program."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from experimentframework_servicebus._namespace.connection_string import ConnectionString, parse
from tests.peers.proton import why_missing
from tests.peers.require import require
from tests.peers.servicebus_choice import variable
from tests.servicebus._example import COMMAND, EXAMPLE, environment


def _started(*arguments: str) -> subprocess.Popen[str]:
    require("proton", missing=why_missing())
    return subprocess.Popen(
        [sys.executable, "-m", "tests.peers.servicebus", *arguments],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_says_how_to_reach_it_and_ends_when_it_is_interrupted() -> None:
    """Given the program, When it is started and interrupted, Then it was there, and is gone."""
    process = _started("a", "--sessions")

    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        code = process.wait()

    name, _, value = said.strip().removeprefix("export ").partition("=")
    assert (name, code) == (variable, 0)
    assert isinstance(parse(value.strip("'")), ConnectionString)


def test_it_has_what_the_example_needs(tmp_path: Path) -> None:
    """Given the program alone, When the example is looked at, Then its subscription is there."""
    process = _started()

    assert process.stdout is not None
    with process.stdout:
        said = [process.stdout.readline() for _ in range(2)]
        name, _, value = said[1].strip().removeprefix("export ").partition("=")
        done = subprocess.run(
            [COMMAND, "tail", "--config", EXAMPLE],
            env=environment(value.strip("'"), tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        process.send_signal(signal.SIGINT)
        process.wait()

    assert name == "SERVICE_BUS"
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("No events.")
