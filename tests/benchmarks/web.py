"""What one `publish` costs a request of a web app: the worker's processor time, with and without.

One uvicorn worker serves the same page with and without, in turn, so that what the machine does
meanwhile falls on both. The deliveries are counted in: each slice ends with a flush.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx

from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import SideFailedError
from tests.benchmarks._web_load import CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

_root = Path(__file__).parents[2]
_planes = {
    "no-op": "memory buffer, no-op destination",
    "inMemory": "memory buffer, inMemory",
    "sqlite": "memory buffer, sqlite",
    "disk": "disk buffer, no-op destination",
    "disk, 50 ms": "disk buffer, commits of 50 ms",
}
_slices = (
    "page without",
    "page publish",
    "page floor",
    "page again",
    "least without",
    "least publish",
)
_limit = Bar("ratio <= 1.03", 1.03, on="ratio")


class Worker:
    """A uvicorn worker with one kind of plane, and the process that asks it for pages."""

    def __init__(self, port: int, load: subprocess.Popen[str]) -> None:
        """Use the worker at ``port``, and that load."""
        self._url = f"http://127.0.0.1:{port}/processor"
        self._load = load

    def cost(self, what: str, count: int) -> float:
        """Return the processor's microseconds for one request of that slice."""
        before = httpx.get(self._url).json()
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        self._load.stdin.write(f"{what} {count}\n")
        self._load.stdin.flush()
        if self._load.stdout.readline() != "done\n":
            raise SideFailedError("web load", what)
        after = httpx.get(self._url).json()
        requests = count * CONNECTIONS
        published = after["accepted"] - before["accepted"]
        if published != (requests if what.endswith("publish") else 0):
            raise SideFailedError("web", f"{what}: {requests} requests, {published} events")
        return float((after["ns"] - before["ns"]) / requests / 1000)


@contextmanager
def _worker(plane: str, folder: str) -> Iterator[Worker]:
    environment = os.environ | {"WEB_BENCHMARK_FOLDER": folder, "WEB_BENCHMARK_PLANE": plane}
    module = "tests.benchmarks._web_app:app"
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", module, "--port", "0", "--no-access-log"],
        cwd=_root,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    load: subprocess.Popen[str] | None = None
    try:
        port = _port_of(server)
        load = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks._web_load", str(port)],
            cwd=_root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        yield Worker(port, load)
    finally:
        for process in filter(None, (load, server)):
            process.terminate()
            process.communicate()


def _port_of(server: subprocess.Popen[str]) -> int:
    assert server.stderr is not None
    said = ""
    for line in server.stderr:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise SideFailedError("web", said)


def _measure(plane: str, *, rounds: int, count: int) -> list[dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder, _worker(plane, folder) as worker:
        for what in _slices:
            worker.cost(what, count)
        return [
            {what: worker.cost(what, count) for what in _turned(number)} for number in range(rounds)
        ]


def _turned(number: int) -> tuple[str, ...]:
    """Return the slices in another order each round: the first slice of another page costs more."""
    turned = _slices[number % len(_slices) :] + _slices[: number % len(_slices)]
    return turned[::-1] if number % 2 else turned


def run(*, quick: bool) -> Report:
    """Measure the page with each kind of plane, and the error of the measurement."""
    rounds, count = (1, 5) if quick else (15, 40)
    report = Report(benchmark="web")
    for plane, name in _planes.items():
        costs = _measure(plane, rounds=rounds, count=count)
        for what, beside, row, bar in (
            ("page publish", "page without", name, _limit),
            ("page floor", "page without", f"{name}: the floor instead", None),
            ("page again", "page without", f"{name}: again without", None),
            ("least publish", "least without", f"{name}: the least answer", None),
        ):
            report.add(
                row,
                "us",
                median(each[what] for each in costs),
                beside="without",
                other=median(each[beside] for each in costs),
                ratio=median(each[what] / each[beside] for each in costs),
                bar=bar,
            )
    report.notes = [
        (
            f"processor time of one request with its delivery, {rounds} rounds of slices of"
            f" {count * CONNECTIONS} requests in turn; a ratio is the median of the rounds' own"
        ),
        "the page: a signed session, four queries, 20 checked products as compressed JSON",
        "the floor instead: in the same place the event, its id, its time, its JSON, and append",
        "again without: the same page twice, so what differs from 1 is the measurement's error",
    ]
    return report
