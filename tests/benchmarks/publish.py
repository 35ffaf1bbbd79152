"""What ``await publish()`` costs, beside the floor."""

from __future__ import annotations

from tests.benchmarks import _floor, _timing
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, alternate

_warm_up = 2_000


def _make(number: int) -> tuple[object]:
    return (exposure(number),)


async def floor(*, calls: int, seconds: float) -> Figures:
    """Time the floor; its queue is emptied outside the timed part."""
    queue = _floor.queue
    await _timing.tight(_floor.floor, _make, _warm_up, after_turn=queue.clear)
    figures = await _timing.tight(_floor.floor, _make, calls, after_turn=queue.clear)
    queue.clear()
    paced = await _timing.paced(_floor.floor, _make, awaits=False, seconds=seconds)
    return {**figures, **{f"paced_{name}": value for name, value in paced.items()}}


async def ours(*, variant: str, calls: int, seconds: float = 0) -> Figures:
    """Time ``publish`` with a no-op backplane taking all there is."""
    from tests.benchmarks import _ours

    backplane = _ours.NoOp()
    async with _ours.plane(backplane, variant) as plane:
        await _timing.tight_await(plane.publish, _make, _warm_up)
        figures = await _timing.tight_await(plane.publish, _make, calls)
        if seconds:
            paced = await _timing.paced(plane.publish, _make, awaits=True, seconds=seconds)
            figures |= {f"paced_{name}": value for name, value in paced.items()}
        await plane.flush()
        sent = _warm_up + calls + int(seconds * 5_000)
        figures["lost"] = sent - backplane.delivered
    return figures


def run(*, quick: bool) -> Report:
    """Measure plain publishing, its tail at 5,000/s, and the gates."""
    calls, seconds, rounds = (5_000, 0.2, 1) if quick else (100_000, 4.0, 5)
    sides = {
        "floor": Side("publish", "floor", {"calls": calls, "seconds": seconds}),
        "plain": Side("publish", "ours", {"variant": "plain", "calls": calls, "seconds": seconds}),
        **{
            variant: Side("publish", "ours", {"variant": variant, "calls": calls})
            for variant in ("gates", "observed", "hashKey", "everything")
        },
    }
    result = alternate(sides, rounds)
    report = Report(benchmark="publish")

    def beside_floor(what: str, side: str, figure: str, bar: Bar | None = None) -> None:
        report.add(
            what,
            "ns",
            result.median(side, figure),
            beside="floor",
            other=result.median("floor", figure),
            ratio=result.ratio(side, "floor", figure),
            bar=bar,
        )

    beside_floor("p50 of a call", "plain", "p50", Bar("ratio <= 2", 2, on="ratio"))
    report.add("p50 of a call", "ns", result.median("plain", "p50"), bar=Bar("<= 2,200 ns", 2_200))
    report.add(
        f"mean of {calls:,} calls",
        "ns",
        result.median("plain", "mean"),
        beside="its own p50",
        other=result.median("plain", "p50"),
        ratio=result.ratio("plain", "plain", "mean", "p50"),
        bar=Bar("ratio <= 1.2", 1.2, on="ratio"),
    )
    beside_floor("p99 at 5,000/s", "plain", "paced_p99", Bar("<= 25,000 ns", 25_000))
    beside_floor("p50 at 5,000/s", "plain", "paced_p50")
    beside_floor("loop lag p99 at 5,000/s", "plain", "paced_lag_p99")
    beside_floor("loop lag max at 5,000/s", "plain", "paced_lag_max")
    beside_floor("p50, sampling + 1 field + span", "gates", "p50", Bar("ratio <= 3", 3, on="ratio"))
    beside_floor("p50, the same + metrics", "observed", "p50", Bar("ratio <= 3", 3, on="ratio"))
    beside_floor(
        f"p50, hashKey, {calls:,} subjects", "hashKey", "p50", Bar("ratio <= 4", 4, on="ratio")
    )
    beside_floor("p50, all of these at once", "everything", "p50")
    share = min(result.median(side, "share") for side in sides)
    report.notes = [
        (
            f"processor share of a side: {share:.0%} at least; below 95 % others ran on this"
            " processor, and means and tails are theirs too"
        ),
        f"{rounds} rounds of fresh processes, medians; a ratio is the median of the rounds' own",
        f"the timer's own {result.median('floor', 'timer'):.0f} ns are taken off both sides",
        f"events lost: {sum(result.median(side, 'lost') for side in sides if side != 'floor'):.0f}",
    ]
    return report
