"""The broker of our own as a program."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from experimentframework_servicebus._connection_string import ConnectionString, parse
from tests.peers.proton import why_missing
from tests.peers.require import require
from tests.peers.servicebus_choice import variable


def test_it_says_how_to_reach_it_and_ends_when_it_is_interrupted() -> None:
    """Given the program, When it is started and interrupted, Then it was there, and is gone."""
    require("proton", missing=why_missing())
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.servicebus", "a", "--sessions"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )

    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        code = process.wait()

    name, _, value = said.strip().removeprefix("export ").partition("=")
    assert (name, code) == (variable, 0)
    assert isinstance(parse(value.strip("'")), ConnectionString)
