"""The tail of a call, and of the loop, in the shape of a web app: 5,000/s in bursts of 1 ms."""

from __future__ import annotations

from tests.benchmarks import _peers, _timing
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, alternate

_figures = (
    ("p50 of a call", "p50", "us"),
    ("p99 of a call", "p99", "us"),
    ("p99.9 of a call", "p999", "us"),
    ("slowest call", "max", "us"),
    ("loop lag p99", "lag_p99", "us"),
    ("loop lag max", "lag_max", "us"),
)


async def ours(*, seconds: float) -> Figures:
    """Publish to a no-op backplane."""
    from tests.benchmarks import _ours

    async with _ours.plane(_ours.NoOp()) as plane:
        return await _timing.paced(
            plane.publish, lambda number: (exposure(number),), awaits=True, seconds=seconds
        )


async def nothing(*, seconds: float) -> Figures:
    """Make the events and call a function that does nothing."""

    def call(event: object) -> None:
        pass

    return await _timing.paced(
        call, lambda number: (exposure(number),), awaits=False, seconds=seconds
    )


async def peer(*, name: str, seconds: float) -> Figures:
    """Make a peer's call while it drains."""
    async with _peers.peers[name].open(drains=True) as (call, make):
        return await _timing.paced(call, make, awaits=False, seconds=seconds)


def run(*, quick: bool) -> Report:
    """Measure ours, nothing at all, and the peers."""
    seconds, rounds = (0.2, 1) if quick else (4.0, 3)
    report = Report(benchmark="tail")
    others = [name for name in _peers.installed(report) if not name.endswith("bare")]
    parameters = {"seconds": seconds}
    result = alternate(
        {
            "ours": Side("tail", "ours", parameters),
            "nothing": Side("tail", "nothing", parameters),
            **{name: Side("tail", "peer", parameters | {"name": name}) for name in others},
        },
        rounds,
    )
    for what, figure, unit in _figures:
        for other in ("nothing", *others):
            report.add(
                what,
                unit,
                result.median("ours", figure) / 1_000,
                beside=other,
                other=result.median(other, figure) / 1_000,
                bar=Bar("<= 25 us", 25) if (figure, other) == ("p99", "nothing") else None,
            )
    report.notes = [
        (
            f"{seconds:g} s each, {rounds} rounds of fresh processes, medians;"
            " lag: how much too late a sleep of 1 ms ends"
        ),
        "every side drains: JSON is made, nothing is sent",
    ]
    return report
