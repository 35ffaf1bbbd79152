"""How fast queued events leave memory for a no-op backplane, and whether more of them cost more."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from tests.benchmarks import _floor
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, alternate

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

_batch = 500
_warm_up = 2_000


async def ours(*, events: int, times: int) -> Figures:
    """Queue events behind a gate, open it and time the flush, several times over."""
    from tests.benchmarks import _ours

    backplane = _ours.Gated()
    elapsed = []
    async with _ours.plane(backplane, buffer=_ours.roomy, flush_interval_ms=_ours.never) as plane:
        for repeat in range(times + 1):
            backplane.gate.clear()
            count = events if repeat else _warm_up
            for number in range(count):
                await plane.publish(exposure(number))
            backplane.delivered = 0
            backplane.gate.set()
            started = perf_counter()
            await plane.flush()
            elapsed.append(perf_counter() - started)
            if backplane.delivered != count:
                raise AssertionError(f"{backplane.delivered} of {count} delivered")
    best = sorted(elapsed[1:])[times // 2]
    return {"per_event": best / events * 1e9, "per_second": events / best}


async def by_hand(*, events: int, times: int) -> Figures:
    """Take batches from a deque of bytes and hand them to the same no-op."""

    class NoOp:
        delivered = 0

        async def deliver(self, batch: Sequence[bytes]) -> None:
            self.delivered += len(batch)

    backplane = NoOp()
    elapsed = []
    for _ in range(times):
        for number in range(events):
            _floor.floor(exposure(number))
        queue: deque[bytes] = _floor.queue
        started = perf_counter()
        while queue:
            await backplane.deliver([queue.popleft() for _ in range(min(_batch, len(queue)))])
        elapsed.append(perf_counter() - started)
    best = sorted(elapsed)[times // 2]
    return {"per_event": best / events * 1e9, "per_second": events / best}


def run(*, quick: bool) -> Report:
    """Measure the drain at growing depths."""
    depths = {1_000: 5, 10_000: 1} if quick else {1_000: 51, 10_000: 21, 100_000: 5, 1_000_000: 1}
    rounds = 1 if quick else 3
    sides = {
        f"{who} {depth}": Side("drain", function, {"events": depth, "times": times})
        for depth, times in depths.items()
        for who, function in (("ours", "ours"), ("hand", "by_hand"))
    }
    result = alternate(sides, rounds)
    report = Report(benchmark="drain")
    costs = {depth: result.median(f"ours {depth}", "per_event") for depth in depths}
    for depth in depths:
        report.add(
            f"events/s with {depth:,} queued",
            "/s",
            result.median(f"ours {depth}", "per_second"),
            beside="by hand",
            other=result.median(f"hand {depth}", "per_second"),
            ratio=result.ratio(f"ours {depth}", f"hand {depth}", "per_second"),
            bar=Bar(">= 100,000/s", 100_000, at_least=True),
        )
    for depth in depths:
        report.add(
            f"cost of an event with {depth:,} queued",
            "ns",
            costs[depth],
            beside="by hand",
            other=result.median(f"hand {depth}", "per_event"),
            ratio=result.ratio(f"ours {depth}", f"hand {depth}", "per_event"),
        )
    deepest, shallow = max(depths), min(depths)
    report.add(
        f"{deepest:,} queued beside {shallow:,}",
        "ns",
        costs[deepest],
        beside=f"{shallow:,} queued",
        other=costs[shallow],
        bar=Bar("flat: ratio <= 1.25", 1.25, on="ratio"),
    )
    report.notes = [
        f"batches of {_batch}; by hand: a deque of bytes, popped in batches, nothing counted",
        f"each figure is the median of {rounds} rounds, each the median of its repeats",
    ]
    return report
