"""The program that is killed: a plane over `LineBackplane` that publishes and drains as planned.

It is told by lines on its standard input: ``drain`` (publish no more, wait until nothing is
buffered, close), ``close`` (close now), ``health``, ``pause`` and ``resume``. When its parent is
gone, it ends.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core._disk import settings
from experimentframework_core.deadletter import state_variable
from tests.faults import _backplane
from tests.faults._backplane import LineOptions, line
from tests.faults._measure import Meter
from tests.faults._notes import Notes
from tests.faults._plan import Plan
from tests.faults._publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core import BackplanePlugin

_settled_for = 0.4
"""Seconds in which nothing more may be recovered until the buffer counts as empty."""


def make_plane(plan: Plan, plugin: BackplanePlugin[LineOptions] = line) -> DataPlane:
    """Return the plan's plane; several ports make a composite."""
    os.environ[state_variable] = plan.state
    nodes = tuple(
        BackplaneOptions(
            type="line",
            name=f"line{number or ''}",
            concurrency=plan.lanes,
            options=LineOptions(port=port),
        )
        for number, port in enumerate(plan.ports)
    )
    several = BackplaneOptions(type="composite", backplanes=nodes)
    options = msgspec.structs.replace(
        msgspec.convert(plan.options, DataPlaneOptions),
        backplane=several if len(nodes) > 1 else nodes[0],
    )
    return DataPlane(options, backplane=plugin)


def arm(point: str, reaches: int) -> None:
    """Have this process kill itself when it reaches the fail point for that time."""
    module = importlib.import_module("experimentframework_core._failpoints")
    left = reaches

    def reach(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    vars(module)["on_reach"] = reach


def set_clock(wrong_by: float) -> None:
    """Have the disk buffer's wall clock go wrong by that many seconds."""

    def wall() -> float:
        return time() + wrong_by

    defaults = settings.disk_buffer.__kwdefaults__ or {}
    assert defaults["wall"] is time
    defaults["wall"] = wall


class Child:
    """The plane, its publisher, and who tells them what to do."""

    def __init__(self, plan: Plan, notes: Notes) -> None:
        """Hold the plan; `run` carries it out."""
        self._plan = plan
        self._notes = notes
        self._plane = make_plane(plan)
        self._publisher = Publisher(self._plane, plan, notes)
        self._meter = Meter(self._publisher, notes) if plan.measure else None
        self._may_close = asyncio.Event()
        self._draining: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Publish until told to stop; drain; close; tell."""
        listening = asyncio.create_task(self._listen())
        began = monotonic()
        async with self._plane:
            self._notes.tell("opened", seconds=monotonic() - began)
            first = await self._publisher.one(durable=self._plan.durable > 0)
            self._notes.tell("reopened", seconds=monotonic() - began, first=first)
            _say("ready")
            if self._plan.work == "drain":
                self._drain()
            else:
                self._publisher.start()
            if self._meter is not None:
                self._meter.start(self._plane)
            await self._may_close.wait()
            await self._publisher.stop()
            if self._meter is not None:
                await self._meter.stop()
            self._tell("closing")
            began = monotonic()
        closing = self._plane.closing
        assert closing is not None
        self._tell("closed", seconds=monotonic() - began, closing=msgspec.structs.asdict(closing))
        listening.cancel()

    def _tell(self, what: str, **facts: object) -> None:
        statistics = msgspec.to_builtins(self._plane.statistics())
        self._notes.tell(what, statistics=statistics, attempts=_backplane.attempts, **facts)

    async def _listen(self) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        commands: dict[str, Callable[[], object]] = {
            "drain": self._drain,
            "close": self._may_close.set,
            "pause": self._publisher.pause,
            "resume": self._publisher.start,
        }
        while told := (await reader.readline()).decode().strip():
            if told == "health":
                health = await self._plane.health()
                self._tell("health", health=msgspec.to_builtins(health))
            else:
                commands[told]()
            _say(told)
        os._exit(9)

    def _drain(self) -> None:
        self._draining = asyncio.create_task(self._until_empty())

    async def _until_empty(self) -> None:
        await self._publisher.stop()
        recovered, since = -1, monotonic()
        while monotonic() < since + _settled_for:
            await asyncio.sleep(0.02)
            channels = self._plane.statistics().backplanes.values()
            now = sum(each.recovered for each in channels)
            waiting = any(each.buffered for each in channels) or self._has_heirlooms()
            if now != recovered or waiting:
                recovered, since = now, monotonic()
        self._notes.tell("empty")
        self._may_close.set()

    def _has_heirlooms(self) -> bool:
        """Return whether a successor has other journals yet to adopt than each channel's own."""
        if self._plan.work != "drain":
            return False
        root = Path(self._plan.options["buffer"].get("path", ""))
        return len(list(root.glob("*/*/journal.db"))) > len(self._plan.ports)


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def main() -> None:
    """Carry out the plan given as the first argument."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    if plan.clock:
        set_clock(plan.clock)
    if plan.point:
        arm(plan.point, plan.reaches)
    notes = Notes(plan.report)
    asyncio.run(_work(plan, notes))


async def _work(plan: Plan, notes: Notes) -> None:
    # Timers and futures of the plane belong to the loop, so it is made here.
    await Child(plan, notes).run()


if __name__ == "__main__":
    main()
