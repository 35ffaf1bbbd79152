"""How long a durable acknowledgement takes at a given rate, and what it costs the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from array import array
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING

from tests.benchmarks import _floor
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Rounds, Side, alternate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from experimentframework_core.events import Exposure

    Publish = Callable[[Exposure], Awaitable[object]]

_rates = (500, 5_000, 20_000)
_names = ("ours", "accepted", "by_hand")
_warm_up = 200
_kept = 0.99
_group_rows = 500
_group_seconds = 0.005


class _Load:
    """Publishers that come on schedule, a task each, however long those before them take."""

    def __init__(self, publish: Publish, *, rate: int, seconds: float) -> None:
        self._publish = publish
        self._rate = rate
        self._total = int(rate * seconds)
        self._took = array("q", bytes(8 * self._total))
        self._late = array("q", bytes(8 * self._total))
        self._lags: list[int] = []
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> Figures:
        """Return percentiles in ns: of the calls, of how late each began, of the loop's lag."""
        await asyncio.gather(*(self._publish(exposure(number)) for number in range(_warm_up)))
        ticker = asyncio.create_task(self._tick())
        cpu, begin = process_time_ns(), perf_counter_ns()
        await self._start_all(begin)
        while self._running:
            await asyncio.wait(set(self._running))
        elapsed, cpu = perf_counter_ns() - begin, process_time_ns() - cpu
        ticker.cancel()
        return {
            "p50": _percentile(self._took, 0.5),
            "p99": _percentile(self._took, 0.99),
            "max": max(self._took),
            "late": _percentile(self._late, 0.99),
            "lag": _percentile(self._lags, 0.99),
            "reached": self._total / elapsed * 1e9,
            "cpu": cpu / self._total,
        }

    async def _start_all(self, begin: int) -> None:
        sent = 0
        while sent < self._total:
            await asyncio.sleep(0.001)
            due = min(self._total, (perf_counter_ns() - begin) * self._rate // 1_000_000_000)
            for number in range(sent, due):
                event = exposure(number)
                started = perf_counter_ns()
                self._late[number] = started - begin - number * 1_000_000_000 // self._rate
                self._running.add(asyncio.create_task(self._call(number, event, started)))
            sent = due

    async def _call(self, number: int, event: Exposure, started: int) -> None:
        await self._publish(event)
        self._took[number] = perf_counter_ns() - started
        if task := asyncio.current_task():
            self._running.discard(task)

    async def _tick(self) -> None:
        while True:
            slept = perf_counter_ns()
            await asyncio.sleep(0.001)
            self._lags.append(perf_counter_ns() - slept - 1_000_000)


def _percentile(samples: Sequence[int], share: float) -> int:
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def ours(*, rate: int, seconds: float) -> Figures:
    """Publish ``durable`` into a buffer on disk."""
    from tests.benchmarks import _ours

    backplane = _ours.NoOp()
    with tempfile.TemporaryDirectory() as folder:
        async with _ours.plane(backplane, buffer=_ours.on_disk(folder)) as plane:
            publish = partial(plane.publish, ack="durable")
            figures = await _Load(publish, rate=rate, seconds=seconds).run()
            await plane.flush()
    return figures | {"lost": int(rate * seconds) + _warm_up - backplane.delivered}


async def accepted(*, rate: int, seconds: float) -> Figures:
    """Publish ``accepted`` into a buffer in memory."""
    from tests.benchmarks import _ours

    backplane = _ours.NoOp()
    async with _ours.plane(backplane, buffer=_ours.roomy) as plane:
        figures = await _Load(plane.publish, rate=rate, seconds=seconds).run()
        await plane.flush()
    return figures | {"lost": int(rate * seconds) + _warm_up - backplane.delivered}


async def by_hand(*, rate: int, seconds: float) -> Figures:
    """Make the same bodies and commit them in groups."""
    with tempfile.TemporaryDirectory() as folder:
        group_commit = _GroupCommit(Path(folder) / "events.db")
        committing = asyncio.create_task(group_commit.run())
        figures = await _Load(group_commit.publish, rate=rate, seconds=seconds).run()
        committing.cancel()
        return figures | {"lost": int(rate * seconds) + _warm_up - group_commit.close()}


class _GroupCommit:
    """A list, one thread, and a synced transaction every 5 ms or 500 rows."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE events (sequence INTEGER PRIMARY KEY, body BLOB)")
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._full = asyncio.Event()

    async def publish(self, event: Exposure) -> None:
        """Return once the event is synced."""
        _floor.floor(event)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((_floor.queue.pop(), written))
        if len(self._waiting) >= _group_rows:
            self._full.set()
        await written

    async def run(self) -> None:
        """Commit what waits, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), _group_seconds)
            self._full.clear()
            group, self._waiting = self._waiting, []
            if not group:
                continue
            rows = [(body,) for body, _ in group]
            await loop.run_in_executor(self._thread, self._write, rows)
            for _, written in group:
                written.set_result(None)

    def _write(self, rows: Sequence[tuple[bytes]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO events VALUES (NULL, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> int:
        """Close the file; return how many rows are in it."""
        self._thread.shutdown()
        (count,) = self._connection.execute("SELECT count(*) FROM events").fetchone()
        self._connection.close()
        return int(count)


def run(*, quick: bool) -> Report:
    """Measure ours, the memory buffer and the group commit by hand at each rate."""
    seconds, rounds = (0.2, 1) if quick else (5.0, 3)
    sides = {
        f"{name} {rate}": Side("durable", name, {"rate": rate, "seconds": seconds})
        for rate in _rates
        for name in _names
    }
    result = alternate(sides, rounds)
    report = Report(benchmark="durable")
    for rate in _rates:
        _add_rows(report, result, rate)
    lost = sum(result.median(f"{name} {rate}", "lost") for rate in _rates for name in _names)
    report.notes = [
        (
            f"{seconds:g} s each, {rounds} rounds of fresh processes, medians; a task for each"
            " event, started on schedule, from there to its acknowledgement"
        ),
        (
            "accepted: the same load into a buffer in memory; by hand: id, envelope, JSON,"
            f" executemany, a commit every {_group_seconds * 1_000:g} ms or {_group_rows} rows,"
            " nothing delivered or deleted"
        ),
        *(_schedule(result, rate) for rate in _rates),
        f"events lost: {lost:.0f}",
    ]
    return report


def _add_rows(report: Report, result: Rounds, rate: int) -> None:
    def row(what: str, figure: str, beside: str, bar: Bar | None = None, unit: float = 1e6) -> None:
        report.add(
            f"{what} at {rate:,}/s",
            {1e6: "ms", 1e3: "us", 1: "/s"}[unit],
            result.median(f"ours {rate}", figure) / unit,
            beside=beside.replace("_", " "),
            other=result.median(f"{beside} {rate}", figure) / unit,
            bar=bar,
        )

    row("durable ack p50", "p50", "by_hand", Bar("<= 5 ms", 5))
    row("durable ack p99", "p99", "by_hand", Bar("<= 15 ms", 15))
    row("slowest durable ack", "max", "by_hand")
    row("loop lag p99", "lag", "by_hand")
    row("loop lag p99", "lag", "accepted")
    added = result.median(f"ours {rate}", "lag") - result.median(f"accepted {rate}", "lag")
    report.add(f"loop lag p99 added at {rate:,}/s", "ms", added / 1e6, bar=Bar("<= 2 ms", 2))
    for other in ("by_hand", "accepted"):
        row("processor time of an event", "cpu", other, unit=1e3)
    row("acknowledged a second", "reached", "by_hand", unit=1)
    row("begun behind the schedule, p99", "late", "accepted")


def _schedule(result: Rounds, rate: int) -> str:
    """Say whether the load was what it claims to be."""
    reached = {name: result.median(f"{name} {rate}", "reached") for name in _names}
    slow = [f"{name} {each:,.0f}/s" for name, each in reached.items() if each < _kept * rate]
    if not slow:
        return f"at {rate:,}/s the schedule was kept"
    return f"at {rate:,}/s the schedule was not kept: {', '.join(slow)}".replace("_", " ")
