"""The process that is killed: it replays with a checkpoint, as fast as it can."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from experimentframework_core._plane.setup import resolve
from experimentframework_core._reading.source import source_from
from experimentframework_core._replay import checkpoint
from experimentframework_core._replay.planning import Plan
from experimentframework_core._replay.run import Replay
from experimentframework_core.plugin import Selection
from tests.faults import _table
from tests.faults.replay import line, options_in

FACTS = {"source.name": "events"}


async def main(folder: Path) -> int:
    """Replay to the end; 1 where something was wrong."""
    source, target = options_in(folder)
    _, destinations = resolve(target, line)
    assert source.backplane is not None
    path = folder / "checkpoint.json"
    plan = Plan(
        source=source_from(source.backplane),
        selection=Selection(checkpoint=checkpoint.load(path, FACTS)),
        destinations=tuple(destinations),
        rejected=folder / "rejected.ndjson",
        facts=FACTS,
        checkpoint=path,
    )
    replay = Replay(plan, _table.say)
    async with replay:
        await replay.read()
        await replay.finish()
    return 0 if replay.summary().ok else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
