"""Publishers that never stop while a plane is reloaded, and what must hold at the end."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core import (
    AckTimeoutError,
    BackplaneOptions,
    BufferOptions,
    ConfigurationError,
    DataPlane,
    DataPlaneOptions,
    DeliveryError,
)
from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.testing import make_exposure

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from experimentframework_core.status import Ack


def good(random: Random, folder: Path) -> DataPlaneOptions:
    """Draw options that all deliver to the same databases, and lose nothing."""
    return DataPlaneOptions(
        batch_size=random.choice((20, 100, 500)),
        flush_interval_ms=random.choice((1, 20)),
        concurrency=random.choice((1, 1, 3)),
        shutdown_timeout_ms=random.choice((300, 5000)),
        on_failure=random.choice(("drop", "deadLetter")),
        buffer=_buffer(random, folder),
        backplane=_backplane(random, folder),
    )


def _buffer(random: Random, folder: Path) -> BufferOptions:
    return random.choice(
        (
            BufferOptions(max_events=2_000, when_full="block", block_timeout_ms=30_000),
            BufferOptions(max_events=50, when_full="block", block_timeout_ms=30_000),
            BufferOptions(type="disk", path=str(folder / "a"), block_timeout_ms=30_000),
            BufferOptions(type="disk", path=str(folder / "b"), block_timeout_ms=30_000),
            BufferOptions(max_events=100, when_full="overflow", path=str(folder / "a")),
        )
    )


def _backplane(random: Random, folder: Path) -> BackplaneOptions:
    main = _node("main", folder)
    if random.random() < 0.5:
        return main
    copy = _node("copy", folder, events=random.choice((None, ("outcome",))))
    members = random.choice(((main, copy), (copy, main)))
    return BackplaneOptions(type="composite", backplanes=members)


def _node(name: str, folder: Path, **more: Any) -> BackplaneOptions:
    return BackplaneOptions(
        type="sqlite", name=name, options=SqliteOptions(path=str(folder / f"{name}.db")), **more
    )


class Storm:
    """Tasks and threads that publish to a plane, each its own experiment, numbered.

    Attributes:
        accepted: The subjects that were accepted, by experiment, in order.
    """

    def __init__(self, plane: DataPlane, random: Random) -> None:
        self.accepted: dict[str, list[str]] = {}
        self._plane = plane
        self._random = random
        self._over = False

    async def run(self, *, tasks: int, threads: int, meanwhile: Any) -> None:
        """Publish until ``meanwhile``, a coroutine, has ended."""
        loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(threads)
        working: list[asyncio.Future[None]] = [
            asyncio.ensure_future(self._task(f"task{n}")) for n in range(tasks)
        ]
        working += [loop.run_in_executor(pool, self._thread, f"t{n}") for n in range(threads)]
        try:
            await meanwhile
        finally:
            self._over = True
            ends = await asyncio.gather(*working, return_exceptions=True)
        pool.shutdown()
        assert not any(ends), [repr(end) for end in ends]

    async def _task(self, name: str) -> None:
        accepted = self.accepted[name] = []
        number = 0
        while not self._over:
            for _ in range(self._random.randint(1, 30)):
                ack: Ack = "delivered" if self._random.random() < 0.02 else "accepted"
                event = make_exposure(experiment_name=name, subject_id=str(number))
                # A copy that is removed meanwhile drops what it has not delivered in time.
                with contextlib.suppress(DeliveryError, AckTimeoutError):
                    receipt = await self._plane.publish(event, ack=ack)
                    assert receipt.status == ack, receipt
                accepted.append(str(number))
                number += 1
            await asyncio.sleep(0.002)

    def _thread(self, name: str) -> None:
        accepted = self.accepted[name] = []
        number = 0
        while not self._over:
            event = make_exposure(experiment_name=name, subject_id=str(number))
            receipt = self._plane.publish_threadsafe(event)
            assert receipt.status == "accepted", receipt
            accepted.append(str(number))
            number += 1
            if number % 20 == 0:
                time.sleep(0.01)


async def reload_often(plane: DataPlane, random: Random, folder: Path, times: int) -> int:
    """Reload with options that are good, or bad now and then; return how many were refused."""
    refused = 0
    for _ in range(times):
        options = good(random, folder)
        bad = random.random() < 0.2
        if bad:
            options = msgspec.structs.replace(options, sampling_salt="x" * 100)
        with contextlib.suppress(ConfigurationError):
            await plane.reload(options)
            assert not bad
            bad = False
        refused += bad
        await asyncio.sleep(random.choice((0, 0.01, 0.1)))
    return refused


def arrived(folder: Path, name: str) -> dict[str, list[str]]:
    """Return the subjects in a database by experiment, in the order of their arrival."""
    with contextlib.closing(sqlite3.connect(folder / f"{name}.db")) as connection:
        rows = connection.execute(
            "select experiment, json_extract(body, '$.payload.subjectId') from events"
            " order by position"
        ).fetchall()
    found: dict[str, list[str]] = {}
    for experiment, subject in rows:
        found.setdefault(experiment, []).append(subject)
    return found
