"""Parts for tests of replays: a plan from a fake source to backplanes of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._plane.setup import resolve
from experimentframework_core._replay.planning import Plan
from experimentframework_core._replay.run import Replay
from experimentframework_core.plugin import Selection
from tests.core._planes import Backplanes, options
from tests.core._sources import FakeSource

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core._reading.source import Source
    from experimentframework_core._replay.summary import ReplaySummary
    from experimentframework_core.testing import FaultyBackplane

FACTS = {"source.name": "fake"}


def plan_to(
    folder: Path,
    source: FakeSource | Source,
    *,
    settings: dict[str, Any] | None = None,
    backplanes: dict[str, FaultyBackplane],
    **said: Any,
) -> Plan:
    """Return a plan that remembers in ``folder``."""
    named = Backplanes(**backplanes)
    made = options(backplane=named.group("composite"), flush_interval_ms=1, **(settings or {}))
    _, destinations = resolve(made, named.plugin)
    given: dict[str, Any] = {
        "source": source.source() if isinstance(source, FakeSource) else source,
        "selection": Selection(),
        "destinations": tuple(destinations),
        "rejected": folder / "rejected.ndjson",
        "facts": FACTS,
        "checkpoint": folder / "checkpoint.json",
    }
    return Plan(**(given | said))


async def run(plan: Plan) -> ReplaySummary:
    """Replay to the end."""
    replay = Replay(plan, lambda _: None)
    async with replay:
        await replay.read()
        await replay.finish()
    return replay.summary()
