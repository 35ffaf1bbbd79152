"""What one call costs the request that makes it: ours beside other SDKs' and the floor."""

from __future__ import annotations

from tests.benchmarks import _floor, _peers, _timing
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Report
from tests.benchmarks._run import Figures, Side, alternate

_warm_up = 500


def _make(number: int) -> tuple[object]:
    return (exposure(number),)


async def ours(*, drains: bool, calls: int) -> Figures:
    """Publish to a backplane that takes all, or to one that never confirms."""
    from tests.benchmarks import _ours

    backplane = _ours.NoOp() if drains else _ours.Gated()
    async with _ours.plane(
        backplane, buffer=_ours.roomy, flush_interval_ms=1_000 if drains else _ours.never
    ) as plane:
        await _timing.tight_await(plane.publish, _make, _warm_up)
        figures = await _timing.tight_await(plane.publish, _make, calls)
        if isinstance(backplane, _ours.Gated):
            backplane.gate.set()
        return figures


async def floor(*, calls: int) -> Figures:
    """Time the floor, its queue emptied outside the timed part."""
    await _timing.tight(_floor.floor, _make, _warm_up)
    return await _timing.tight(_floor.floor, _make, calls, after_turn=_floor.queue.clear)


async def peer(*, name: str, drains: bool, calls: int) -> Figures:
    """Time a peer's call."""
    async with _peers.peers[name].open(drains=drains) as (call, make):
        await _timing.tight(call, make, _warm_up)
        return await _timing.tight(call, make, calls)


def run(*, quick: bool) -> Report:
    """Measure all of them held and live."""
    calls, rounds = (1_000, 1) if quick else (20_000, 5)
    report = Report(benchmark="peers")
    others = _peers.installed(report)
    sides = {"floor": Side("peers", "floor", {"calls": calls})}
    for mode, drains in (("held", False), ("live", True)):
        parameters = {"drains": drains, "calls": calls}
        sides[f"ours {mode}"] = Side("peers", "ours", parameters)
        for name in others:
            sides[f"{name} {mode}"] = Side("peers", "peer", parameters | {"name": name})
    result = alternate(sides, rounds)
    for mode in ("held", "live"):
        for figure in ("p50", "mean"):
            for name in ("floor", *others):
                side = name if name == "floor" else f"{name} {mode}"
                call = "" if name == "floor" else f" {_peers.peers[name].call}"
                report.add(
                    f"{figure} of a call, {mode}",
                    "ns",
                    result.median(f"ours {mode}", figure),
                    beside=f"{name}{call}",
                    other=result.median(side, figure),
                    ratio=result.ratio(f"ours {mode}", side, figure),
                )
    report.notes = [
        (
            f"{calls:,} calls in each of {rounds} rounds of fresh processes, medians; events made"
            " outside the timed call"
        ),
        (
            "held: nothing drains; live: each side's own consumer drains to a transport that does"
            " nothing. The loop turns each 500 calls, for the peers outside the timed part"
        ),
        "bare: the SDK's inner call on an event that was made outside",
    ]
    return report
