"""What a queued event holds in memory, and the slowest publish with many of them queued."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from tests.benchmarks import _floor, _peers, _timing
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, alternate

_warm_up = 1_000
_tail = 20_000
_page = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _page


def _make(number: int) -> tuple[object]:
    return (exposure(number),)


def _body_size() -> float:
    return sum(_floor.encoded_size(exposure(number)) for number in range(1_000)) / 1_000


async def ours(*, events: int) -> Figures:
    """Queue events behind a backplane that never confirms, then time more of them."""
    from tests.benchmarks import _ours

    backplane = _ours.Gated()
    async with _ours.plane(backplane, buffer=_ours.roomy, flush_interval_ms=_ours.never) as plane:
        for number in range(_warm_up):
            await plane.publish(exposure(number))
        gc.collect()
        before = resident()
        for number in range(_warm_up, _warm_up + events):
            await plane.publish(exposure(number))
        figures = {"rss": (resident() - before) / events, "body": _body_size()}
        first = _warm_up + events
        figures |= await _timing.worst(plane.publish, _make, range(first, first + _tail))
        backplane.gate.set()
        await plane.flush()
        figures["lost"] = first + _tail - backplane.delivered
    return figures


async def floor(*, events: int) -> Figures:
    """Do the same with the floor's queue of bytes."""
    for number in range(_warm_up):
        _floor.floor(exposure(number))
    gc.collect()
    before = resident()
    for number in range(_warm_up, _warm_up + events):
        _floor.floor(exposure(number))
    figures = {"rss": (resident() - before) / events, "body": _body_size()}

    async def publish(event: object) -> None:
        _floor.floor(event)  # type: ignore[arg-type]

    first = _warm_up + events
    return figures | await _timing.worst(publish, _make, range(first, first + _tail))


async def peer(*, name: str, events: int) -> Figures:
    """Hold the same events in a peer's own queue."""
    async with _peers.peers[name].open(drains=False) as (call, make):
        for number in range(_warm_up):
            call(*make(number))
        gc.collect()
        before = resident()
        for number in range(_warm_up, _warm_up + events):
            call(*make(number))
        return {"rss": (resident() - before) / events}


def run(*, quick: bool) -> Report:
    """Measure our queue, the floor's and the peers'."""
    events, rounds = (20_000, 1) if quick else (300_000, 3)
    report = Report(benchmark="memory")
    installed = _peers.installed(report, among=("LaunchDarkly", "LaunchDarkly async", "OTel"))
    parameters = {"events": events}
    result = alternate(
        {
            "ours": Side("memory", "ours", parameters),
            "floor": Side("memory", "floor", parameters),
            **{name: Side("memory", "peer", parameters | {"name": name}) for name in installed},
        },
        rounds,
    )
    body = result.median("ours", "body")
    report.add(
        "RSS per queued event",
        "B",
        result.median("ours", "rss"),
        beside="its body",
        other=body,
        bar=Bar(f"<= body + 400 B = {body + 400:,.0f} B", body + 400),
    )
    for side in ("floor", *installed):
        report.add(
            "RSS per queued event",
            "B",
            result.median("ours", "rss"),
            beside=side,
            other=result.median(side, "rss"),
            ratio=result.ratio("ours", side, "rss"),
        )
    for what, figure, bar in (
        ("slowest publish, wall clock", "worst", Bar("<= 1,000 us", 1_000)),
        ("slowest publish, CPU time", "worst_cpu", Bar("<= 1,000 us", 1_000)),
    ):
        report.add(
            what,
            "us",
            result.median("ours", figure) / 1_000,
            beside="floor",
            other=result.median("floor", figure) / 1_000,
            bar=bar,
        )
    report.notes = [
        f"{events:,} events queued, every id, subject and tenant another; {rounds} rounds, medians",
        (
            f"slowest of {_tail:,} more calls with those queued; the wall clock also sees when the"
            " system ran something else"
        ),
        f"events lost after the gate opened: {result.median('ours', 'lost'):.0f}",
    ]
    return report
