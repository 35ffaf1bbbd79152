"""The example for Flask publishes what it is asked for, under gunicorn with its configuration."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.docs.pages import docs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Return a running gunicorn, which logs to a file."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            (
                sys.executable,
                *["-m", "gunicorn", "app:app", "--bind", "127.0.0.1:0", "--no-control-socket"],
            ),
            cwd=docs / "examples/flask_app",
            env={
                "EVENTS_DB": str(tmp_path / "events.db"),
                "EVENTS_BUFFER": str(tmp_path / "buffer"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stderr=log,
        )
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def url(server: subprocess.Popen[bytes], tmp_path: Path) -> str:
    """Return where it listens, when it does."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if found := re.search(r"http://127\.0\.0\.1:\d+", (tmp_path / "log").read_text()):
            return found[0]
        time.sleep(0.05)
    raise AssertionError((tmp_path / "log").read_text())


def test_each_request_is_one_event(
    server: subprocess.Popen[bytes], url: str, tmp_path: Path
) -> None:
    """Given requests, When the server is terminated, Then the event of each good one is stored."""
    seen = httpx.get(f"{url}/checkout", timeout=30, cookies={"user": "u-1"})
    paid = httpx.post(f"{url}/purchase", timeout=30, cookies={"user": "u-1"}, json={"amount": 12.5})
    nobody = httpx.get(f"{url}/checkout", timeout=30)
    wrong = [
        httpx.post(f"{url}/purchase", timeout=30, cookies={"user": "u-1"}, content=body).status_code
        for body in ('{"amount": "nan"}', '{"amount": NaN}', '{"amount": -1}', "{}", "")
    ]
    health = httpx.get(f"{url}/health", timeout=30)

    server.send_signal(signal.SIGTERM)
    server.wait(100)

    with closing(sqlite3.connect(tmp_path / "events.db")) as connection:
        stored = dict(connection.execute("SELECT event_id, type FROM events"))
    assert seen.json()["variant"] in ("control", "express")
    assert stored == {seen.json()["event"]: "exposure", paid.json()["event"]: "outcome"}
    assert wrong == [422] * 5
    assert (nobody.status_code, health.status_code) == (401, 200)
