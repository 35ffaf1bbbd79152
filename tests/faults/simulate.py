"""Deterministic simulation: processes that crash, on a disk and before a destination with faults.

All of it is decided by a seed, on a loop whose clock jumps: ``--seed S`` plays a run again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextvars import copy_context
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core import DataPlane
from tests.core._channels import is_balanced
from tests.core._disks import SimulatedDisk, Weather, name_of
from tests.core._virtual_time import VirtualTimeLoop
from tests.faults._simulated import MOODS, Life, World, current
from tests.faults._simulated_plane import options_of, produce, reload, simulated_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from experimentframework_core import FlushResult

FIRST = asyncio.FIRST_COMPLETED
SECONDS = 60.0
LONGEST_DRAIN = 600.0
RELOADING = 0.3
"""In how many runs processes change their options while they run."""

CLOSING = 6.0
"""Seconds beyond ``shutdownTimeoutMs`` that a closing may take, all graces together."""


class SimulationLoop(VirtualTimeLoop):
    """Knows which life a task belongs to, and does a thread's work at once."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_make_task)  # type: ignore[arg-type]  # typeshed's is narrower

    def run_in_executor(  # type: ignore[override]  # as in VirtualTimeLoop
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Return the answer, which is there already."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed over
            future.set_exception(error)
        return future


def _make_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **settings: Any
) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=loop, **settings)
    life = current.get()
    if life is not None:
        life.tasks[task] = None
        task.add_done_callback(partial(_forget, life))
    return task


def _forget(life: Life, task: asyncio.Task[Any]) -> None:
    life.tasks.pop(task, None)
    if not task.cancelled():
        task.exception()


class Simulation:
    """One run."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.disk = SimulatedDisk(self.random)
        self.world = World(self.random, self.disk, self.random.choice((1, 1, 2)))
        self._options = options_of(self.random)
        self.world.reloads = random.Random(f"reloads {seed}").random() < RELOADING
        self.disk.must_be_drained = not self.world.reloads
        self._damages = self.random.random() < 0.1
        self._reapers: list[asyncio.Task[None]] = []
        self._end = 0.0

    async def run(self) -> World:
        """Live through the faults, then drain everything, then judge."""
        with simulated_parts(self.world, self.random):
            self._end = asyncio.get_running_loop().time() + SECONDS
            weather = asyncio.create_task(self._change())
            await asyncio.gather(*map(self._process, range(self.world.processes)))
            weather.cancel()
            self.world.mood, self.world.letters_fail, self.disk.weather = "up", False, Weather()
            await self._drain()
            await asyncio.gather(*self._reapers)
        self._judge()
        return self.world

    async def _change(self) -> None:
        draw, world = self.random, self.world
        world.poisonous = draw.random() < 0.3
        while True:
            world.mood = draw.choice(MOODS)
            world.letters_fail = draw.random() < 0.2
            bad = draw.random() < 0.3
            self.disk.weather = Weather(
                failing=draw.choice((0.05, 0.5, 1.0)) if bad else 0.0,
                unknown=draw.choice((0.0, 0.5, 1.0)),
                unreadable=0.2 if bad else 0.0,
                damaging=0.05 if self._damages else 0.0,
                hanging=0.1 if bad and draw.random() < 0.3 else 0.0,
                latency=draw.choice((0.002, 0.01, 0.1)),
            )
            await asyncio.sleep(draw.expovariate(1 / 4))

    async def _process(self, process: int) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._end - loop.time()) > 0:
            life = self._begin(process)
            longest = min(left, self.random.expovariate(1 / 15))
            crashes = self.random.random() < 0.6
            body = self._spawn(life, self._live(life, 1e6 if crashes else longest))
            if crashes:
                await asyncio.wait((body, life.doom), timeout=longest, return_when=FIRST)
                self._crash(life)
            else:
                await asyncio.wait((body,))
                await self._after(life, body)
            await asyncio.sleep(self.random.random() * 3)

    def _begin(self, process: int) -> Life:
        life = Life(len(self.world.lives), process, self.random.randint(1, 3), self._options.batch)
        life.doom = asyncio.get_running_loop().create_future()
        # Half of those that crash do so right after a delivery, when most is at stake.
        life.doomed_at = self.random.choice((0, self.random.randint(1, 30)))
        self.world.lives.append(life)
        return life

    def _spawn(self, life: Life, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        context = copy_context()
        context.run(current.set, life)
        return asyncio.get_running_loop().create_task(body, context=context)

    async def _live(self, life: Life, seconds: float) -> None:
        failures = self.disk.failures
        plane = DataPlane(self._options.of(life), backplane=self.world.plugin())
        life.plane = plane
        life.failures_before = failures
        await plane.__aenter__()
        self._look_at_journal(life)
        keys = [f"k{key}" for key in range(self._options.keys)]
        producers = [asyncio.create_task(produce(self.world, life, key)) for key in keys]
        if self.world.reloads:
            producers.append(asyncio.create_task(reload(self.world, life, self._options)))
        await asyncio.sleep(seconds)
        await self._close(life)
        for producer in producers:
            producer.cancel()

    def _look_at_journal(self, life: Life) -> None:
        file = self.disk.files[life.folder]
        settled = file.settled
        waiting = {name_of(row.body) for each in self.disk.files.values() for row in each.unsettled}
        before = {name_of(body) for number, body in file.history.items() if number in settled}
        life.settled_before = before - waiting

    async def _close(self, life: Life) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        result = await life.opened.aclose()
        took = loop.time() - began
        if took > self._options.shutdown + CLOSING:
            self.world.wrong.append(f"life {life.number} took {took:.2f} s to close")
        life.statistics = life.books
        life.trouble = self.disk.failures != life.failures_before or bool(self.disk.losses)
        life.clean = "shutdown" not in life.statistics.dropped
        if not self.world.reloads:
            self._compare_with_disk(life, result)

    def _compare_with_disk(self, life: Life, result: FlushResult) -> None:
        file = self.disk.files[life.folder]
        kept = len(file.unsettled)
        if life.keeper_ended_well and len(file.rows) > kept:
            self.world.wrong.append(f"life {life.number} left settled rows in its journal")
        if not life.trouble and (not life.clean or kept != result.kept):
            self.world.wrong.append(
                f"life {life.number} kept {result.kept}, on disk are {kept},"
                f" dropped {life.books.dropped}"
            )

    async def _after(self, life: Life, body: asyncio.Task[None]) -> None:
        if error := body.exception():
            self.world.wrong.append(f"life {life.number} raised {error!r}")
        await asyncio.sleep(0.2)
        if life.tasks:
            names = [task.get_name() for task in life.tasks]
            self.world.wrong.append(f"life {life.number} left {names}")
        self._note_end(life)

    def _crash(self, life: Life) -> None:
        if life.statistics is None and life.plane is not None and life.plane._works.channels:
            life.statistics = life.books
            life.trouble = self.disk.failures != life.failures_before or bool(self.disk.losses)
        life.alive = False
        for claim in list(self.disk.held.values()):
            if claim.owner is life:
                claim.release()
        self.world.note("crash", life.number)
        self._note_end(life)
        self._reapers.append(asyncio.create_task(self._reap(life)))

    async def _reap(self, life: Life) -> None:
        """End what of a crashed process is still in this one; nothing it does counts."""
        for _ in range(50):
            for task in list(life.tasks):
                task.cancel()
            if not life.tasks:
                return
            await asyncio.wait(list(life.tasks), timeout=5)
        self.world.wrong.append(f"life {life.number} cannot be ended: {life.tasks}")

    def _note_end(self, life: Life) -> None:
        if life.statistics is not None and not is_balanced(life.statistics):
            self.world.wrong.append(f"the books of life {life.number}: {life.statistics}")
        seen: set[str] = set()
        for file in self.disk.files.values():
            names = {name_of(row.body) for row in file.unsettled}
            self.world.twice |= seen & names
            seen |= names

    async def _drain(self) -> None:
        life = self._begin(0)
        body = self._spawn(life, self._live_quietly(life))
        await asyncio.wait((body,))
        await self._after(life, body)

    async def _live_quietly(self, life: Life) -> None:
        life.failures_before = self.disk.failures
        life.plane = plane = DataPlane(self._options.of(life), backplane=self.world.plugin())
        await plane.__aenter__()
        self._look_at_journal(life)
        for _ in range(int(LONGEST_DRAIN)):
            await asyncio.sleep(1)
            others = self.disk.files.keys() - {life.folder}
            if not others and not life.channel.buffer.events:
                break
        else:
            left = {str(path): len(file.unsettled) for path, file in self.disk.files.items()}
            self.world.wrong.append(f"not drained: {left}, {life.channel.statistics()}")
        flushed = await plane.flush(timeout=10)
        if flushed.timed_out:
            self.world.wrong.append("the last flush timed out")
        await self._close(life)

    def _judge(self) -> None:
        world = self.world
        world.wrong += self.disk.wrong
        for file in self.disk.files.values():
            world.wrong += file.wrong
        books = [life.statistics for life in world.lives if life.statistics is not None]
        lost = sum(each.expired for each in books) + len(self.disk.losses)
        if self._options.when_full == "dropOldest":
            lost += sum(each.dropped.get("buffer_full", 0) for each in books)
        there = world.arrived | world.buried
        promised = world.durable.union(*(life.accepted for life in world.lives if life.clean))
        if len(missing := promised - there) > lost:
            world.wrong.append(f"lost: {sorted(missing)[:5]} and so on, {len(missing)} of {lost}")
        for life in world.lives:
            if len(life.again) > life.lanes * life.batch and not life.trouble:
                world.wrong.append(
                    f"{len(life.again)} that life {life.number} had confirmed came again"
                )


def simulate(seed: int) -> World:
    """Run one seed; what must not be is in ``wrong``."""
    state = random.getstate()
    random.seed(seed)
    try:
        with asyncio.Runner(loop_factory=SimulationLoop) as runner:
            return runner.run(Simulation(seed).run())
    finally:
        random.setstate(state)


class Report(msgspec.Struct):
    """What came of one seed."""

    seed: int
    wrong: list[str]
    lives: int
    arrived: int
    durable: int


def report(seed: int) -> Report:
    """Run one seed, silently."""
    logging.getLogger("experimentframework").setLevel(logging.CRITICAL)
    world = simulate(seed)
    return Report(seed, world.wrong, len(world.lives), len(world.arrived), len(world.durable))


def _reports(seeds: Sequence[int], jobs: int) -> Iterator[Report]:
    if jobs == 1 or len(seeds) == 1:
        yield from map(report, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(report, seeds, chunksize=10)


def main(argv: list[str]) -> int:
    """Run many seeds, or one; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many, from 0")
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    arguments = parser.parse_args(argv)
    seeds = range(arguments.seeds) if arguments.seed is None else [arguments.seed]
    began = time.perf_counter()
    sums: Counter[str] = Counter()
    for each in _reports(seeds, arguments.jobs):
        sums.update(lives=each.lives, arrived=each.arrived, durable=each.durable)
        if each.wrong:
            sums["failed"] += 1
            what = "\n  ".join(each.wrong[:20])
            again = f"python -m tests.faults simulate --seed {each.seed}"
            sys.stdout.write(f"seed {each.seed}: {what}\n  again: {again}\n")
    sys.stdout.write(
        f"{len(seeds)} seeds of {SECONDS:g} s, {sums['lives']} processes, {sums['arrived']} events"
        f" arrived, {sums['durable']} durable, {sums['failed']} seeds failed,"
        f" {time.perf_counter() - began:.1f} s\n"
    )
    return int(sums["failed"] > 0)
