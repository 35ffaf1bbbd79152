"""What a buffer on disk costs: a publish into it, and the way back out of a full journal."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError
from tests.benchmarks import _timing
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Rounds, Side, alternate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_batch = 500
_warm_up = 1_000
_page = os.sysconf("SC_PAGE_SIZE")
_mib = 1 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _page


class _Destination:
    """Confirms at once; knows when the first and the last batch came, and the peak of memory.

    The journal's folder has the name of this class, so it also stands for itself being down.
    """

    def __init__(self, *, down: bool = False) -> None:
        self._down = down
        self.delivered = self.first_batch = self.peak = 0
        self.first_at = self.last_at = 0.0

    async def deliver(self, batch: Sequence[object]) -> None:
        if self._down:
            raise TransientError(f"nobody takes {len(batch)} events")
        self.last_at = perf_counter()
        if not self.delivered:
            self.first_at, self.first_batch = self.last_at, len(batch)
        self.delivered += len(batch)
        self.peak = max(self.peak, _resident())

    def figures(self, *, entered: float, resident: int, events: int) -> Figures:
        if not self.first_batch < self.delivered == events:
            raise AssertionError(f"{self.delivered} of {events} delivered")
        each = (self.last_at - self.first_at) / (events - self.first_batch)
        return {
            "per_event": each * 1e9,
            "per_second": 1 / each,
            "first": (self.first_at - entered) * 1e3,
            "growth": max(0, self.peak - resident) / _mib,
        }


async def fill(*, folder: str, events: int) -> Figures:
    """Leave so many events in a journal: the destination is down, the plane is closed."""
    from tests.benchmarks import _ours

    async with _ours.plane(_Destination(down=True), buffer=_ours.on_disk(folder)) as plane:
        for number in range(events):
            await plane.publish(exposure(number))
    if plane.closing is None or plane.closing.kept != events:
        raise AssertionError(f"not kept: {plane.closing}")
    return {"file": _journal(Path(folder)).stat().st_size / events}


async def ours(*, folder: str, events: int, times: int) -> Figures:
    """Open a plane over copies of the journal and let it drain."""
    from tests.benchmarks import _ours

    async def drain(copy: Path) -> Figures:
        backplane = _Destination()
        entered = perf_counter()
        async with _ours.plane(backplane, buffer=_ours.on_disk(str(copy))) as plane:
            resident = _resident()
            await plane.flush()
        return backplane.figures(entered=entered, resident=resident, events=events)

    return await _of_copies(drain, folder, times)


async def by_hand(*, folder: str, events: int, times: int) -> Figures:
    """Select the rows of copies of the journal in pages, and delete each page in a commit."""

    async def drain(copy: Path) -> Figures:
        backplane = _Destination()
        entered = perf_counter()
        connection = sqlite3.connect(_journal(copy), isolation_level=None)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        resident = _resident()
        while rows := connection.execute(_select, (_batch,)).fetchall():
            await backplane.deliver([body for _, body in rows])
            connection.execute("DELETE FROM events WHERE sequence <= ?", rows[-1][:1])
        connection.close()
        return backplane.figures(entered=entered, resident=resident, events=events)

    return await _of_copies(drain, folder, times)


_select = "SELECT sequence, body FROM events ORDER BY sequence LIMIT ?"


def _journal(folder: Path) -> Path:
    (journal,) = folder.glob("*/*/journal.db")
    return journal


async def _of_copies(
    drain: Callable[[Path], Awaitable[Figures]], folder: str, times: int
) -> Figures:
    """Return the medians over so many copies, all synced before the first is opened."""
    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as parent:
        copies = [Path(parent) / str(number) for number in range(times)]
        for copy in copies:
            shutil.copytree(folder, copy)
        os.sync()
        found = [await drain(copy) for copy in copies]
    return {figure: median(each[figure] for each in found) for figure in found[0]}


async def publish(*, events: int, disk: bool) -> Figures:
    """Time calls while all is delivered, then ready events from the first call to the flush."""
    from tests.benchmarks import _ours

    backplane = _ours.NoOp()
    with tempfile.TemporaryDirectory() as folder:
        buffer = _ours.on_disk(folder) if disk else _ours.roomy
        async with _ours.plane(backplane, buffer=buffer) as plane:
            for number in range(_warm_up):
                await plane.publish(exposure(number))
            await plane.flush()
            figures = await _timing.tight_await(plane.publish, lambda n: (exposure(n),), events)
            await plane.flush()
            ready = [exposure(number) for number in range(events)]
            started = perf_counter()
            for event in ready:
                await plane.publish(event)
            await plane.flush()
            elapsed = perf_counter() - started
    lost = _warm_up + 2 * events - backplane.delivered
    return figures | {"per_second": events / elapsed, "lost": lost}


def run(*, quick: bool) -> Report:
    """Measure the way in, and the way out at growing depths."""
    depths = {1_000: 3, 10_000: 1} if quick else {1_000: 15, 10_000: 7, 100_000: 3, 1_000_000: 1}
    events, rounds = (5_000, 1) if quick else (100_000, 3)
    report = Report(benchmark="disk")
    with tempfile.TemporaryDirectory() as parent:
        folders = {depth: str(Path(parent) / f"of-{depth}") for depth in depths}
        sizes = {
            depth: Side("disk", "fill", {"folder": folder, "events": depth}).run()["file"]
            for depth, folder in folders.items()
        }
        out = alternate(_sides_out(folders, depths), rounds)
    into = alternate(
        {
            "disk": Side("disk", "publish", {"events": events, "disk": True}),
            "memory": Side("disk", "publish", {"events": events, "disk": False}),
        },
        rounds,
    )
    _add_out(report, out, sorted(depths))
    _add_in(report, into)
    lost = into.median("disk", "lost") + into.median("memory", "lost")
    report.notes = [
        (
            f"batches of {_batch}, from the first delivery to the last; the journal was filled by"
            " a plane whose destination was down, and the file is in the system's cache"
        ),
        (
            "by hand: pages of the same file and one synced DELETE for each, in a plain loop; no"
            " checksum is looked at, no record is made of a body"
        ),
        (
            f"{rounds} rounds of fresh processes, medians, each the median of its repeats;"
            f" {sizes[max(sizes)]:,.0f} B of file for an event"
        ),
        f"events lost: {lost:.0f}; a drain that does not deliver all is no figure but an error",
    ]
    return report


def _sides_out(folders: dict[int, str], depths: dict[int, int]) -> dict[str, Side]:
    return {
        f"{who} {depth}": Side(
            "disk", function, {"folder": folders[depth], "events": depth, "times": times}
        )
        for depth, times in depths.items()
        for who, function in (("ours", "ours"), ("hand", "by_hand"))
    }


def _add_out(report: Report, result: Rounds, depths: Sequence[int]) -> None:
    for what, figure, unit, bar in (
        ("events/s", "per_second", "/s", Bar(">= 50,000/s", 50_000, at_least=True)),
        ("cost of an event", "per_event", "ns", None),
        ("entering to the first delivery", "first", "ms", Bar("<= 1,000 ms", 1_000)),
        ("RSS growth", "growth", "MiB", Bar("<= 64 MiB", 64)),
    ):
        for depth in depths:
            report.add(
                f"{what} with {depth:,} on disk",
                unit,
                result.median(f"ours {depth}", figure),
                beside="by hand",
                other=result.median(f"hand {depth}", figure),
                bar=bar,
            )
    deepest, shallow = depths[-1], min(10_000, depths[-2])
    costs = {depth: result.median(f"ours {depth}", "per_event") for depth in depths}
    report.add(
        f"{deepest:,} on disk beside {shallow:,}",
        "ns",
        costs[deepest],
        beside=f"{shallow:,} on disk",
        other=costs[shallow],
        bar=Bar("flat: ratio <= 1.25", 1.25, on="ratio"),
    )


def _add_in(report: Report, result: Rounds) -> None:
    for what, figure, unit, scale in (
        ("p50 of a call", "p50", "us", 1e3),
        ("mean of a call", "mean", "us", 1e3),
        ("p99 of a call", "p99", "us", 1e3),
        ("from publish to the no-op", "per_second", "/s", 1),
    ):
        report.add(
            f"{what}, accepted",
            unit,
            result.median("disk", figure) / scale,
            beside="in memory",
            other=result.median("memory", figure) / scale,
            ratio=result.ratio("disk", "memory", figure),
        )
