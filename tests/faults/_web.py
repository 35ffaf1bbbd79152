"""The example web apps under real servers, with a load of requests from another process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec

from experimentframework_core import DataPlane, DataPlaneOptions
from experimentframework_core._disk.journal import Journal
from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.config import BackplaneOptions, BufferOptions
from tests.faults._processes import Program, root

if TYPE_CHECKING:
    from collections.abc import Callable

examples = root / "docs/examples"

configuration = """
dataPlane:
  ack: durable
  buffer: {type: disk, path: "${EVENTS_BUFFER}"}
  flushIntervalMs: 50
  shutdownTimeoutMs: 5s
  backplane: {type: sqlite, options: {path: "${EVENTS_DB}"}}
"""

_uvicorn = (
    "uvicorn",
    "app:app",
    "--app-dir",
    str(examples / "fastapi_app"),
    "--port",
    "0",
    "--no-access-log",
)
_gunicorn = (
    "gunicorn",
    "app:app",
    "--bind",
    "127.0.0.1:0",
    "--workers",
    "2",
    "--no-control-socket",
    "--chdir",
)
_asgi = (*_gunicorn, str(examples / "fastapi_app"), "-k", "uvicorn_worker.UvicornWorker")
_wsgi = (*_gunicorn, str(examples / "flask_app"))
_in_master = ("--preload", "--config", str(Path(__file__).with_name("_web_master.py")))

servers: dict[str, tuple[str, ...]] = {
    "uvicorn, 2 workers": (*_uvicorn, "--workers", "2", "--timeout-worker-healthcheck", "60"),
    "gunicorn, uvicorn workers": _asgi,
    "gunicorn, uvicorn workers, preload": (*_asgi, "--preload"),
    "gunicorn, sync workers": _wsgi,
    "gunicorn, sync workers, preload": (*_wsgi, *_in_master),
    "gunicorn, threads": (*_wsgi, "--threads", "4"),
    "gunicorn, threads, preload": (*_wsgi, "--threads", "4", *_in_master),
}
"""Those with ``_web_master.py`` publish in the master, before it forks."""

master_subject = "the master"


class Request(msgspec.Struct, frozen=True):
    """A request that was sent, once; without a status it was not answered."""

    path: str
    user: str
    status: int | None
    event: str | None

    @property
    def what(self) -> tuple[str, str]:
        """The type and subject of the event that it should make."""
        return "exposure" if self.path == "/checkout" else "outcome", self.user


class Server(Program):
    """A server with workers that serves one of the examples.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, name: str, folder: Path) -> None:
        """Start it; it keeps its events below ``folder``."""
        (folder / "experiments.yaml").write_text(configuration)
        environment = {
            "EXPERIMENTS": str(folder / "experiments.yaml"),
            "EVENTS_DB": str(folder / "events.db"),
            "EVENTS_BUFFER": str(folder / "buffer"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._log = folder / "server.err"
        super().__init__(servers[name], self._log, environment=environment)
        self.url = ""

    def wait_until_up(self) -> None:
        """Return when two workers are there and one answers."""
        self._until(lambda: bool(self._address()), 30, "did not say where it listens")
        self.url = self._address()
        self._until(lambda: len(self.workers()) > 1 and self._is_up(), 30, "does not answer")

    def _address(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:[1-9]\d*", self._log.read_text("utf-8", "replace"))
        return found[0] if found else ""

    def _is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5, follow_redirects=True).is_success
        except httpx.TransportError:
            return False

    def workers(self) -> set[int]:
        """Return the ids of the processes that serve."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return {int(child) for child in children if not _is_helper(int(child))}

    def kill(self) -> None:
        """Kill it, and its workers, which may outlive it."""
        workers = self.workers() if self.running else set()
        super().kill()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    def restart(self) -> None:
        """Have all workers replaced, one after the other or all at once, as the server does it."""
        before = self.workers()
        os.kill(self.pid, signal.SIGHUP)
        self._until(lambda: not before & self.workers(), 30, "did not replace its workers")
        self._until(lambda: len(self.workers()) > 1, 30, "started no new workers")

    def kill_one(self) -> None:
        """Kill a worker, and wait until the server has put another one in its place."""
        victim = min(self.workers())
        os.kill(victim, signal.SIGKILL)
        self._until(lambda: victim not in self.workers(), 30, "did not see that a worker is dead")
        self._until(lambda: len(self.workers()) > 1, 30, "did not replace the dead worker")

    def _until(self, reached: Callable[[], bool], seconds: float, otherwise: str) -> None:
        until = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > until or not self.running:
                raise self._failed(otherwise)
            time.sleep(0.05)


def _is_helper(process: int) -> bool:
    """Tell whether it is multiprocessing's tracker of resources, or dead already."""
    try:
        said = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return True
    return not said or b"resource_tracker" in said


class Load:
    """Requests that another process sends for some seconds."""

    def __init__(self, url: str, folder: Path, seconds: float) -> None:
        """Start to send."""
        self._log = folder / "requests.ndjson"
        arguments = ("--url", url, "--seconds", str(seconds), "--log", str(self._log))
        module = "docs.examples.fastapi_app.load"
        self._program = Program((module, *arguments), folder / "load.err")
        self._seconds = seconds

    def wait(self) -> list[Request]:
        """Return the requests when all are sent."""
        self._program.wait(self._seconds + 60)
        lines = self._log.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Request) for line in lines]

    def kill(self) -> None:
        """End it now."""
        self._program.kill()


def stored(folder: Path) -> Counter[tuple[str, str, str]]:
    """Return how often the database has each event: its id, type and subject."""
    query = "SELECT event_id, type, subject FROM events"
    with closing(sqlite3.connect(folder / "events.db", timeout=20)) as connection:
        return Counter(connection.execute(query))


async def deliver_the_rest(folder: Path) -> None:
    """Do what the next process does: deliver what killed workers left, known or not."""
    options = DataPlaneOptions(
        buffer=BufferOptions(type="disk", path=str(folder / "buffer")),
        backplane=BackplaneOptions(
            type="sqlite", options=SqliteOptions(path=str(folder / "events.db"))
        ),
    )
    async with DataPlane(options) as plane:
        until = time.monotonic() + 20
        while len(_journals(folder)) > 1 and time.monotonic() < until:  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(0.05)
        await plane.flush(20)


def _journals(folder: Path) -> list[Path]:
    return list(folder.glob("buffer/*/*/journal.db"))


async def waiting(folder: Path) -> int:
    """Return how many events are still in journals, when all processes have ended."""
    found = 0
    for path in _journals(folder):
        journal = Journal(path.parent)
        found += (await journal.open()).recovered
        await journal.aclose()
    return found
