"""What recording an exposure costs, beside publishing the same one by hand."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from experimentframework_core._exposure.repeats import Repeats, key_of
from experimentframework_core.events import Exposure
from experimentframework_core.exposure import Subject, exposure, identify
from tests.benchmarks import _ours, _timing
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, alternate
from tests.benchmarks.memory import resident

if TYPE_CHECKING:
    from experimentframework_core import DataPlane

_warm_up = 2_000


def _user(number: int) -> tuple[str]:
    return (f"user-{number:08d}",)


async def _page(user: str) -> None:
    """Stand for a handler."""


class Calls:
    """One exposure of a user, recorded in each way."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._decorated = exposure("checkout", "express", selection_reason="rule")(_page)

    async def by_hand(self, user: str) -> None:
        """Build the event and publish it."""
        await self._plane.publish(
            Exposure(
                experiment_name="checkout",
                variant_key="express",
                subject_id=user,
                timestamp=datetime.now(UTC),
                selection_reason="rule",
            )
        )

    async def expose(self, user: str) -> None:
        """Let the plane do it."""
        await self._plane.expose("checkout", "express", subject=user, selection_reason="rule")

    async def decide(self, user: str) -> None:
        """Decide and use."""
        decision = await self._plane.decide(
            "checkout", "express", subject=user, selection_reason="rule"
        )
        await decision.use()

    async def identified(self, user: str) -> None:
        """Call a handler for a subject: what the sides below have beside the exposure."""
        with identify(user):
            await _page(user)

    async def decorated(self, user: str) -> None:
        """Call a decorated handler for a subject."""
        with identify(user):
            await self._decorated(user)


async def call(*, way: str, calls: int) -> Figures:
    """Time one way, with a no-op backplane taking all there is."""
    backplane = _ours.NoOp()
    async with _ours.plane(backplane) as plane:
        timed = getattr(Calls(plane), way)
        await _timing.tight_await(timed, _user, _warm_up)
        figures = await _timing.tight_await(timed, _user, calls)
        await plane.flush()
        accepted = plane.statistics().accepted
    return figures | {"lost": accepted - backplane.delivered}


async def memory(*, remembered: int) -> Figures:
    """Return what one remembered exposure takes when the memory has been full for long."""
    repeats = Repeats()
    gc.collect()
    before = resident()
    for number in range(remembered * 4):
        key = key_of("checkout", "express", Subject(*_user(number)))
        repeats.note(key or 0, 0.0, most=remembered, window=None)
    return {"rss": (resident() - before) / remembered}


def run(*, quick: bool) -> Report:
    """Measure each way beside the same done by hand."""
    calls, rounds = (5_000, 1) if quick else (50_000, 5)
    ways = ("by_hand", "expose", "decide", "identified", "decorated")
    sides = {way: Side("expose", "call", {"way": way, "calls": calls}) for way in ways}
    sides["memory"] = Side("expose", "memory", {"remembered": calls})
    result = alternate(sides, rounds)
    report = Report(benchmark="expose")
    for way, bar in (("expose", 3), ("decide", 4)):
        report.add(
            f"p50 of {way}",
            "ns",
            result.median(way, "p50"),
            beside="built and published",
            other=result.median("by_hand", "p50"),
            ratio=result.ratio(way, "by_hand", "p50"),
            bar=Bar(f"ratio <= {bar}", bar, on="ratio"),
        )
    report.add(
        "p50 of a decorated handler",
        "ns",
        result.median("decorated", "p50"),
        beside="the handler alone",
        other=result.median("identified", "p50"),
    )
    report.add(
        "RSS per remembered exposure",
        "B",
        result.median("memory", "rss"),
        bar=Bar("<= 150 B", 150),
    )
    report.notes = [
        f"{rounds} rounds of fresh processes, {calls:,} users each, medians",
        f"events lost: {sum(result.median(way, 'lost') for way in ways):.0f}",
    ]
    return report
