"""How many events are lost in an outage, and by ``kill -9``: ours beside other SDKs."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec

from tests.benchmarks import _timing
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, SideFailedError
from tests.benchmarks._senders import DISK, DURABLE, OURS, SENDERS, Sending

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 5_000
BEGUN = "begun"
ANSWER_AFTER = 0.05
MOST_SECONDS_TO_END = 45.0


KILLS = {
    "kill -9, 0.2 s later": {"killed_after": 0.2},
    "kill -9 at once": {"killed_after": 0.0},
    "kill -9 at once after a burst": {"killed_after": 0.0, "burst": True},
}
"""The kills by their names in the report."""


class Times(msgspec.Struct, frozen=True):
    """How long is published, how long of that nobody listens, and before a kill."""

    outage: float = 6.0
    down: float = 4.0
    before_kill: float = 0.4


class Collector:
    """An HTTP server that notes which events have arrived; closed until `open`."""

    def __init__(self) -> None:
        self.arrived: set[bytes] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Listen from now on."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if body[:2] == b"\x1f\x8b":
                    body = gzip.decompress(body)
                collector.arrived |= set(re.findall(rb"tenant-\d{8}", body))
                time.sleep(ANSWER_AFTER)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def handle(self) -> None:
                with suppress(ConnectionError):  # who asked may be killed by now
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


async def send(**parameters: object) -> Figures:
    """Send at 5,000 events a second, or in a burst; end as the manual says, or be killed."""
    sending = msgspec.convert(parameters, Sending)
    ours = sending.name in OURS
    async with SENDERS[sending.name].open(sending.url, sending.folder) as (call, make):
        sys.stdout.write(f"{BEGUN}\n")
        sys.stdout.flush()
        if sending.burst:
            for number in range(int(RATE * sending.seconds)):
                called = call(*make(number))
                if ours:
                    await called
        elif sending.seconds:
            await _timing.paced(call, make, awaits=ours, seconds=sending.seconds, rate=RATE)
        if sending.killed_after is not None:
            if sending.killed_after:
                await asyncio.sleep(sending.killed_after)
            os.kill(os.getpid(), signal.SIGKILL)
    return {}


@contextmanager
def started(sending: Sending) -> Iterator[subprocess.Popen[str]]:
    """Start a process that sends, and wait until it has begun; it is ended in the end."""
    arguments = msgspec.json.encode(sending).decode()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks._child", "loss", "send", arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != BEGUN:
            raise SideFailedError(sending.name, "it has not begun")
        yield process
    finally:
        process.kill()
        process.communicate()


def lost_in_an_outage(name: str, times: Times) -> float:
    """Return the share of events, in percent, that has not arrived in the end."""
    collector = Collector()
    with tempfile.TemporaryDirectory() as folder:
        sending = Sending(name, collector.url, folder, times.outage)
        with started(sending) as process:
            time.sleep(times.down)
            collector.open()
            ended(process, times.outage + MOST_SECONDS_TO_END)
        open_and_end(sending)
    return share_lost(collector, times.outage)


def lost_by_a_kill(name: str, times: Times, how: dict[str, Any]) -> float:
    """Return the share of events, in percent, that has not arrived in the end."""
    collector = Collector()
    collector.open()
    with tempfile.TemporaryDirectory() as folder:
        sending = Sending(name, collector.url, folder, times.before_kill, **how)
        with started(sending) as process:
            ended(process, MOST_SECONDS_TO_END)
        open_and_end(sending)
    return share_lost(collector, times.before_kill)


def open_and_end(sending: Sending) -> None:
    """Let a new process open and end the same: what was kept on disk arrives now."""
    again = msgspec.structs.replace(sending, seconds=0.0, burst=False, killed_after=None)
    with started(again) as process:
        ended(process, MOST_SECONDS_TO_END)


def ended(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait until the process has ended, no longer than that."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()


def share_lost(collector: Collector, seconds: float) -> float:
    """Return how many percent of what was sent in that time has not arrived."""
    collector.close()
    sent = RATE * seconds
    return 100 * (1 - len(collector.arrived) / sent)


def run(*, quick: bool) -> Report:
    """Measure all of them, one after the other."""
    times = Times(outage=0.6, down=0.4, before_kill=0.1) if quick else Times()
    report = Report(benchmark="loss")
    for name, peer in SENDERS.items():
        if (missing := peer.missing()) is not None:
            report.skipped.append(f'{name}: {missing} is not installed ("{peer.distribution}")')
    names = [name for name, peer in SENDERS.items() if peer.missing() is None]
    # To wait for the disk for each of 30,000 events would take longer than the outage.
    lost = {name: lost_in_an_outage(name, times) for name in names if name != DURABLE}
    _add(report, "an outage", lost, nothing_by=(DISK,))
    for what, how in KILLS.items():
        lost = {name: lost_by_a_kill(name, times, how) for name in names}
        _add(report, what, lost, nothing_by=(DURABLE,) if how["killed_after"] == 0 else OURS[:2])
    report.notes = [
        f"{RATE:,} events/s over HTTP to a server that answers after 50 ms; defaults",
        (
            f"outage: {times.outage} s of events, the port closed for the first {times.down} s,"
            " then the shutdown of the manual, 45 s at most"
        ),
        f"kill -9: {RATE * times.before_kill:,.0f} events; in a burst one right after the other",
        "then a new process opens and ends, and what has not arrived by now is lost",
    ]
    return report


def _add(report: Report, what: str, lost: dict[str, float], nothing_by: tuple[str, ...]) -> None:
    for name, other in lost.items():
        bar = Bar("0 %", 0.0) if name in nothing_by else None
        ours = other if name in OURS else lost[DISK]
        report.add(f"lost: {what}", "%", ours, beside=name, other=other, bar=bar)
