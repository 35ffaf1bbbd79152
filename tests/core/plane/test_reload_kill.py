"""The process is killed in the middle of reloads: what was durable is there all the same."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import (
    BackplaneOptions,
    BufferOptions,
    DataPlane,
    DataPlaneOptions,
)
from experimentframework_core.backplanes.sqlite import SqliteOptions

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import asyncio, itertools, sys
from pathlib import Path
from experimentframework_core import DataPlane
from experimentframework_core.testing import make_exposure
from tests.core.plane.test_reload_kill import options

folder = Path(sys.argv[1])

async def reload(plane):
    for number in itertools.count():
        await plane.reload(options(folder, batch_size=1 + number % 7, lanes=1 + number % 2))
        await asyncio.sleep(0.01 * (number % 5))

async def main():
    async with DataPlane(options(folder)) as plane:
        reloading = asyncio.ensure_future(reload(plane))
        while not reloading.done():
            events = [make_exposure(experiment_name=f"e{n}") for n in range(5)]
            publishing = (plane.publish(event, ack="durable") for event in events)
            for receipt in await asyncio.gather(*publishing):
                print(receipt.event_id, flush=True)
        reloading.result()

asyncio.run(main())
"""


def options(folder: Path, *, batch_size: int = 500, lanes: int = 1) -> DataPlaneOptions:
    """Return options that deliver from a buffer on disk to a database, both in ``folder``."""
    path = str(folder / "events.db")
    return DataPlaneOptions(
        batch_size=batch_size,
        concurrency=lanes,
        flush_interval_ms=5,
        buffer=BufferOptions(type="disk", path=str(folder / "buffer")),
        backplane=BackplaneOptions(type="sqlite", options=SqliteOptions(path=path)),
    )


def stored(folder: Path) -> set[str]:
    """Return the ids of the events in the database."""
    with contextlib.closing(sqlite3.connect(folder / "events.db")) as connection:
        if not connection.execute("select 1 from sqlite_schema where name = 'events'").fetchall():
            return set()  # It was killed before.
        return {row[0] for row in connection.execute("select event_id from events")}


def killed(folder: Path, after: int) -> set[str]:
    """Run the program until it has told of so many durable events, kill it, and return them."""
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        durable = {process.stdout.readline().strip() for _ in range(after)}
        process.kill()
        return durable | {line.strip() for line in process.stdout if line.endswith("\n")}


@pytest.mark.parametrize("after", [40, 150, 300])
async def test_no_durable_event_is_lost(after: int, tmp_path: Path) -> None:
    """Given a process that reloads all the time, when it is killed, the next has what was kept."""
    durable = killed(tmp_path, after)

    async with DataPlane(options(tmp_path)) as plane, asyncio.timeout(30):
        while not durable <= stored(tmp_path):
            await plane.flush(1)
            await asyncio.sleep(0.02)

    assert len(durable) >= after
    assert plane.statistics().backplanes["sqlite"].dropped == {}
