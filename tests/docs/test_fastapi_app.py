"""The example web app publishes what it is asked for, over real HTTP, and drains when it ends."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from experimentframework_core.backplanes.sqlite import SqliteOptions, read_sqlite
from experimentframework_core.plugin import Selection
from tests.docs.pages import docs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from experimentframework_core.envelope import Envelope

visits, purchases = 500, 120
user = {"user": "u-1"}

client = f"""
import asyncio, sys, httpx

async def main(url):
    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as http:
        users = [{{"cookie": f"user=u-{{n}}"}} for n in range({visits})]
        answers = await asyncio.gather(*[http.get("/checkout", headers=user) for user in users])
        paid = [http.post("/purchase", headers=users[n], json={{"amount": n / 4}})
                for n in range({purchases})]
        answers += await asyncio.gather(*paid)
    for answer in answers:
        answer.raise_for_status()

asyncio.run(main(sys.argv[1]))
"""


class Server(msgspec.Struct):
    """A running uvicorn with the example app."""

    process: subprocess.Popen[str]
    url: str

    def stop(self) -> None:
        """Ask it to end, as a platform does, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=100)


@pytest.fixture
def serve() -> Iterator[Callable[[str | Path], Server]]:
    """Return a function that starts the app on a free port, storing its events in a file."""
    started: list[subprocess.Popen[str]] = []

    def start(database: str | Path) -> Server:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", "--port", "0", "--no-access-log"],
            cwd=docs / "examples/fastapi_app",
            env={"EVENTS_DB": str(database), "PYTHONDONTWRITEBYTECODE": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Server(process, address_of(process))

    yield start
    for process in started:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    """Return where uvicorn listens, from what it says at its start."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(said)


def unhealthy(server: Server) -> httpx.Response:
    """Ask for the health until it is 503: opening the store takes a moment to fail."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        health = httpx.get(f"{server.url}/health/", timeout=30)
        if health.status_code == 503:
            break
        time.sleep(0.05)
    return health


def stored(database: Path, event_type: str) -> list[Envelope]:
    """Return the events of one type in an event database."""
    selection = Selection(types=(event_type,))
    reader = read_sqlite(SqliteOptions(path=str(database)), selection)

    async def read() -> list[Envelope]:
        return [event async for event in reader]

    return asyncio.run(read())


def test_each_request_is_one_event(serve: Callable[[str | Path], Server], tmp_path: Path) -> None:
    """Given requests of another process, When the server is terminated, Then all are stored."""
    database = tmp_path / "events.db"
    server = serve(database)

    subprocess.run([sys.executable, "-c", client, server.url], check=True, timeout=250)
    server.stop()

    exposures = stored(database, "exposure")
    outcomes = stored(database, "outcome")
    assert len(exposures) == visits
    assert {event.payload.subject_id for event in exposures} == {f"u-{n}" for n in range(visits)}
    assert sorted(event.payload.value for event in outcomes) == [n / 4 for n in range(purchases)]


def test_it_tells_how_it_fares(serve: Callable[[str | Path], Server], tmp_path: Path) -> None:
    """Given the server, When it was asked for a page, Then its health is what the plane says."""
    server = serve(tmp_path / "events.db")
    page = httpx.get(f"{server.url}/checkout", timeout=30, cookies=user)

    health = httpx.get(f"{server.url}/health/", timeout=30)
    metrics = httpx.get(f"{server.url}/health/metrics", timeout=30)

    assert page.json()["variant"] in ("control", "express")
    assert health.status_code == 200
    assert "sqlite" in health.json()["backplanes"]
    assert "experimentframework_events_accepted_total{" in metrics.text


def test_pages_are_served_when_events_cannot_be_stored(
    serve: Callable[[str | Path], Server], tmp_path: Path
) -> None:
    """Given a store that cannot be opened, When a page is asked for, Then it is served."""
    server = serve(tmp_path)

    page = httpx.get(f"{server.url}/checkout", timeout=30, cookies=user)
    health = unhealthy(server)

    assert page.status_code == 200
    assert health.status_code == 503
    assert health.json()["status"] == "unhealthy"


def test_who_is_unknown_is_served_without_an_event(
    serve: Callable[[str | Path], Server], tmp_path: Path
) -> None:
    """Given nobody, or an id that no event takes, When asking, Then the usual page is shown."""
    server = serve(tmp_path / "events.db")

    nobody = httpx.get(f"{server.url}/checkout", timeout=30)
    too_long = httpx.get(f"{server.url}/checkout", timeout=30, cookies={"user": "u" * 300})
    buys = httpx.post(f"{server.url}/purchase", timeout=30, json={"amount": 1})

    assert nobody.json() == too_long.json() == {"variant": "control", "event": None}
    assert buys.status_code == 401
