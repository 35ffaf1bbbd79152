"""Kill -9 of a replay at random moments: nothing is lost, and each kill repeats a bounded number.

The target is a file that keeps all that comes, so that what comes twice is seen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._channel.borrowed import ROOM
from experimentframework_core._replay.run import PAGE, SAVE_AFTER
from experimentframework_core.backplanes.sqlite import SqliteBackplane, SqliteOptions
from experimentframework_core.config import BackplaneOptions, DataPlaneOptions
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features
from experimentframework_core.testing import make_records
from tests.faults import _table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext

BATCH = 500

REPEATED_BY_A_KILL = ROOM + SAVE_AFTER + 2 * PAGE + BATCH
"""What was in the channel, what had arrived and was not remembered yet, and the pages around."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of some kills.

    Attributes:
        events: Events of the source.
        kills: Processes that were killed.
        lost: Events that did not arrive.
        repeated: Events that arrived again.
        out_of_order: Events that arrived first behind one that stands behind them.
    """

    events: int
    kills: int
    lost: int
    repeated: int
    out_of_order: int

    def faults(self) -> list[str]:
        """Return what is against the rules."""
        found = []
        if self.lost:
            found.append(f"{self.lost:,} events are lost")
        if self.repeated > self.kills * REPEATED_BY_A_KILL:
            found.append(f"{self.repeated:,} events came again after {self.kills} kills")
        if self.out_of_order:
            found.append(f"{self.out_of_order:,} events are out of order")
        return found


class FileOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Where all that comes is appended."""

    path: str


class _File:
    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    async def deliver(self, batch: Sequence[Record]) -> None:
        os.write(self._descriptor, b"".join(b"%s\n" % r.event_id.encode() for r in batch))
        await asyncio.sleep(0.02)


@asynccontextmanager
async def _open(options: FileOptions, _context: OpenContext) -> AsyncIterator[_File]:
    yield _File(options.path)


line = BackplanePlugin(
    type="everyLine", options=FileOptions, open=_open, features=Features(durable=True)
)


def carry_out(*, events: int, kills: int, seed: int) -> Outcome:
    """Kill a replay again and again at random moments; then let it end."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ids = asyncio.run(_fill(folder / "events.db", events))
        killed = 0
        for _ in range(kills):
            process = _start(folder)
            time.sleep(chance.uniform(0.6, 1.6))
            process.kill()
            killed += process.wait() != 0
        _start(folder).wait()
        came = (folder / "came").read_text().split()
    counted = Counter(came)
    first = list(dict.fromkeys(came))
    place = {event_id: number for number, event_id in enumerate(ids)}
    places = [place[event_id] for event_id in first]
    return Outcome(
        events=events,
        kills=killed,
        lost=len(ids) - len(counted),
        repeated=len(came) - len(counted),
        out_of_order=sum(b < a for a, b in pairwise(places)),
    )


async def _fill(path: Path, events: int) -> list[str]:
    records = make_records(events)
    async with SqliteBackplane(path) as backplane:
        for first in range(0, events, 5_000):
            await backplane.deliver(records[first : first + 5_000])
    return [record.event_id for record in records]


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.faults._replay_child", str(folder)])


def options_in(folder: Path) -> tuple[DataPlaneOptions, DataPlaneOptions]:
    """Return the configurations of the source and the target."""
    source = BackplaneOptions(type="sqlite", options=SqliteOptions(path=str(folder / "events.db")))
    target = BackplaneOptions(
        type="everyLine", options=FileOptions(path=str(folder / "came"), batch_size=BATCH)
    )
    return DataPlaneOptions(backplane=source), DataPlaneOptions(backplane=target)


def main(arguments: Sequence[str]) -> int:
    """Kill and count, print a table; 1 when something is against the rules."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults replay", description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    table = _table.Table("seed", "events", "kills", "lost", "repeated", "order", first=8)
    faults: list[str] = []
    for seed in range(given.seed, given.seed + given.runs):
        outcome = carry_out(events=given.events, kills=given.kills, seed=seed)
        table.row(seed, *msgspec.structs.astuple(outcome))
        faults += outcome.faults()
    return _table.verdict_of(faults)
