"""Publishes at a steady rate, some events awaited until durable, and says what was acknowledged."""

from __future__ import annotations

import asyncio
import random
from array import array
from time import monotonic, perf_counter_ns
from typing import TYPE_CHECKING

from tests.faults import _events

if TYPE_CHECKING:
    from experimentframework_core import DataPlane
    from tests.faults._notes import Notes
    from tests.faults._plan import Plan

_tick = 0.005
_most_waiting = 4000


class Publisher:
    """One process's source of events.

    Attributes:
        times: How long each ``publish`` of an accepted event took, in nanoseconds.
        errors: How many calls of ``publish`` raised, by acknowledgement and error.
    """

    def __init__(self, plane: DataPlane, plan: Plan, notes: Notes) -> None:
        """Hold the parts; `start` begins."""
        self.times = array("Q")
        self.errors: dict[str, int] = {}
        self._plane = plane
        self._plan = plan
        self._notes = notes
        self._numbers = [0] * plan.keys
        self._begun = 0
        self._random = random.Random(plan.process)
        self._task: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Task[bool]] = set()

    def start(self) -> None:
        """Publish at the plan's rate until `pause`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def pause(self) -> None:
        """Publish no more for now."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def stop(self) -> None:
        """Publish no more, and wait for the acknowledgements that are awaited."""
        self.pause()
        if self._waiting:
            await asyncio.wait(tuple(self._waiting))
        if self.errors:
            self._notes.tell("error", errors=self.errors)

    async def _run(self) -> None:
        began, done, plan = monotonic(), 0, self._plan
        while not plan.total or self._begun < plan.total:
            due = int((monotonic() - began) * plan.rate)
            most = plan.total - self._begun if plan.total else due - done
            for _ in range(min(due - done, most)):
                await self._begin()
            done = due
            await asyncio.sleep(_tick)

    async def _begin(self) -> None:
        self._begun += 1
        if self._random.random() >= self._plan.durable or len(self._waiting) >= _most_waiting:
            await self.one(durable=False)
            return
        task = asyncio.create_task(self.one(durable=True))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def one(self, *, durable: bool) -> bool:
        """Publish the next event; tell whether it was acknowledged."""
        key = self._random.randrange(self._plan.keys)
        self._numbers[key] += 1
        name = _events.Name(self._plan.process, f"key{key:02}", self._numbers[key])
        event = _events.make(name)
        # From here to the buffer nothing is awaited, so that numbers rise as events come in.
        began = perf_counter_ns()
        try:
            receipt = await self._plane.publish(event, ack="durable" if durable else None)
        except Exception as error:  # noqa: BLE001 - the parent judges which are allowed
            kind = f"{'durable' if durable else 'accepted'}: {type(error).__name__}"
            self.errors[kind] = self.errors.get(kind, 0) + 1
            return False
        if durable:
            self._notes.durable(receipt.event_id or "")
            return True
        if self._plan.measure:
            self.times.append(perf_counter_ns() - began)
        if receipt.status == "accepted":
            self._notes.accepted(receipt.event_id or "")
        return True
