"""What the page of the example for FastAPI says is done, command by command."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sysconfig
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.docs.pages import blocks_of, docs
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

folder = docs / "examples/fastapi_app"
start, *others = [block.code for block in blocks_of(folder / "README.md", "console")]


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    return free_port()


@pytest.fixture
def place(tmp_path: Path, port: int) -> Iterator[Path]:
    """Return a copy of the example's folder, in which its first command runs."""
    place = shutil.copytree(folder, tmp_path / "shop")
    server = subprocess.Popen(
        ["/bin/bash", "-euc", f"exec {adapted(start, port)}"], cwd=place, env=environment(tmp_path)
    )
    yield place
    server.terminate()
    server.wait(100)


def adapted(command: str, port: int) -> str:
    """Return the command for another port, and for less time."""
    return command.replace("8000", str(port)).replace("--seconds 5", "--seconds 0.5")


def environment(home: Path) -> dict[str, str]:
    """Return the variables of a shell with the tests' environment."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "COLUMNS": "110", "PYTHONDONTWRITEBYTECODE": "1"}


def wait_for(port: int) -> None:
    """Return when the app answers."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health/", timeout=30)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def wait_for_events(place: Path) -> None:
    """Return when the first events are stored, of which the page shows five."""
    until = time.monotonic() + 30
    while stored(place) < 5 and time.monotonic() < until:
        time.sleep(0.05)


def stored(place: Path) -> int:
    """Return how many events are stored."""
    with closing(sqlite3.connect(place / "events.db", timeout=20)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return int(count)


def test_the_commands_do_what_the_page_says(place: Path, port: int, tmp_path: Path) -> None:
    """Given the app, When each command is run, Then load, health, report and tail are shown."""
    wait_for(port)

    said = []
    for command in others:
        done = subprocess.run(
            ["/bin/bash", "-euc", adapted(command, port)],
            cwd=place,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
        wait_for_events(place)

    load, health, metrics, report, tail = said
    assert load.splitlines()[1:] == [f"  200: {load.split()[0]}"]
    assert '"healthy"' in health
    assert "experimentframework_events_delivered_total" in metrics
    assert "exposed subjects" in report
    assert tail.count("checkout") >= 5
