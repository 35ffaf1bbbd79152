"""The world of a simulation: a destination with moods, dead letters, and what each life did."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from random import Random

    from experimentframework_core import DataPlane
    from experimentframework_core._channel.channel import Channel
    from experimentframework_core.deadletter import DeadLetter
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext
    from experimentframework_core.status import ChannelStatistics
    from tests.core._disks import SimulatedDisk

MOODS = (
    "up", "up", "up", "slow", "down", "flapping", "hanging", "partly", "deaf", "refusing",
    "unavailable", "broken",
)  # fmt: skip
"""``deaf`` takes the records and says that it did not."""

current: ContextVar[Life | None] = ContextVar("current", default=None)


class Life:
    """One process, from its start to its end.

    Attributes:
        alive: Whether it has not crashed.
        process: Which one of several.
        lanes, batch: Its settings.
        tasks: Its tasks, in the order of creation.
        settled_before: Events that its journal knew to be settled when it was opened.
        acked: Events whose delivery was confirmed to it.
        again: Those of them that came again in a later life.
        clean: Whether it ended by closing and lost nothing by that.
        statistics: Its books when it ended.
        trouble: Whether its disk failed.
    """

    def __init__(self, number: int, process: int, lanes: int, batch: int) -> None:
        self.number, self.process, self.lanes, self.batch = number, process, lanes, batch
        self.alive = True
        self.clean = False
        self.trouble = False
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.settled_before: set[str] = set()
        self.failures_before = self.doomed_at = self.deliveries = 0
        self.doom: asyncio.Future[None]
        self.folder = Path()
        self.plane: DataPlane | None = None
        self.accepted: set[str] = set()
        self.acked: set[str] = set()
        self.again: set[str] = set()
        self.statistics: ChannelStatistics | None = None
        self.newest: dict[tuple[object, ...], int] = {}
        self.arrived: set[str] = set()

    @property
    def channel(self) -> Channel:
        """Its only channel."""
        return self.opened._works.channels[0]

    @property
    def books(self) -> ChannelStatistics:
        """What became of its events, in all channels that it had."""
        return self.opened.statistics().backplanes["simulated"]

    @property
    def keeper_ended_well(self) -> bool:
        """Whether the journal's writer came to its end, and its disk let it do its work."""
        keeper = self.channel._keeper
        assert keeper is not None
        writer = keeper._tasks[0]
        return keeper.error is None and writer.done() and not writer.cancelled()

    @property
    def is_closing(self) -> bool:
        """Whether its plane takes no more events."""
        return self.opened._closed is not None

    @property
    def opened(self) -> DataPlane:
        """Its plane, which must have been made."""
        assert self.plane is not None
        return self.plane


class World:
    """What outlives the processes.

    Attributes:
        wrong: What must not be.
        arrived: Events that the destination has.
        buried: Events that the dead-letter store has.
        durable: Events whose durable acknowledgement came.
        twice: Events that a crash left in two journals.
        poisonous: Whether some events are refused for ever.
        reloads: Whether processes change their options while they run.
        trace: A checksum of what happened, in order.
    """

    def __init__(self, random: Random, disk: SimulatedDisk, processes: int) -> None:
        self.random = random
        self.disk = disk
        self.processes = processes
        self.mood = "up"
        self.poisonous = self.reloads = False
        self.letters_fail = False
        self.wrong: list[str] = []
        self.lives: list[Life] = []
        self.arrived: set[str] = set()
        self.buried: set[str] = set()
        self.durable: set[str] = set()
        self.twice: set[str] = set()
        self.acked_in: dict[str, Life] = {}
        self.trace = 0
        self._numbers = 0

    def next_number(self) -> int:
        """Return a number above all earlier ones."""
        self._numbers += 1
        return self._numbers

    def note(self, *facts: object) -> None:
        """Take what happened into the trace."""
        now = asyncio.get_running_loop().time()
        self.trace = crc32(repr((round(now, 6), *facts)).encode(), self.trace)

    def arrive(self, life: Life, records: Sequence[Record]) -> None:
        """The destination has these now."""
        for record in records:
            name = record.event_id
            self.note("arrives", name, life.number)
            self._judge(life, name)
            life.arrived.add(name)
            self.arrived.add(name)

    def _judge(self, life: Life, name: str) -> None:
        if name in self.twice:
            return
        # What a failing disk left half adopted, the channel after a reload adopts again.
        half = self.reloads and self.disk.failures != life.failures_before
        if name in life.acked and not (half and not name.startswith(f"{life.number}/")):
            self.wrong.append(f"{name} comes again in life {life.number}, which had it confirmed")
        if name in life.settled_before:
            self.wrong.append(f"{name} comes in life {life.number}, whose journal had it settled")
        earlier = self.acked_in.get(name)
        if earlier is not None and earlier is not life:
            earlier.again.add(name)
        if name not in life.arrived:
            self._judge_order(life, name)

    def _judge_order(self, life: Life, name: str) -> None:
        born, key, number = name.split("/")
        # What was adopted has no order against what was not, or by another process.
        homes = self.disk.homes.get(name, ())
        line: tuple[object, ...] = (key, born, *homes)
        if self.reloads and int(born) == life.number and not life.is_closing:
            # At the closing, what an older channel leaves on disk is passed by newer ones.
            line = (key, born)
        elif self.processes == 1 and not self.reloads:
            line = (key,)
        newest = life.newest.get(line, -1)
        if int(number) <= newest:
            self.wrong.append(f"{name} comes after number {newest} in life {life.number}")
        life.newest[line] = max(newest, int(number))

    def confirm(self, life: Life, records: Sequence[Record]) -> None:
        """The destination says that it has these."""
        for record in records:
            life.acked.add(record.event_id)
            self.acked_in[record.event_id] = life
        life.deliveries += 1
        if life.deliveries == life.doomed_at:
            life.doom.set_result(None)

    def plugin(self) -> BackplanePlugin[ChannelSettings]:
        """Return the destination as a plugin."""

        @asynccontextmanager
        async def open_lane(
            options: ChannelSettings, context: OpenContext
        ) -> AsyncIterator[SimulatedDestination]:
            await asyncio.sleep(self.random.random() * 0.01)
            if self.mood == "down" and self.random.random() < 0.5:
                raise TransientError("down")
            yield SimulatedDestination(self, _living())

        return BackplanePlugin(type="simulated", options=ChannelSettings, open=open_lane)


def _living() -> Life:
    life = current.get()
    assert life is not None
    return life


class SimulatedDestination:
    """Does to a batch what its mood says."""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Take the batch, or not."""
        await self._pause(0.02)
        mood = self._world.mood
        self._world.note(mood, len(batch), batch[0].event_id)
        if mood == "flapping":
            mood = self._world.random.choice(("up", "down"))
        if mood in ("up", "slow"):
            await self._take(batch, 1.5 if mood == "slow" else 0.01)
        elif mood == "hanging":
            await self._hang(batch)
        elif mood == "deaf":
            await self._take_and_deny(batch)
        elif mood == "partly":
            await self._take_some(batch)
        else:
            raise {
                "down": TransientError("down"),
                "refusing": TransientError("throttled", retry_after=0.5),
                "unavailable": UnavailableError("no such topic"),
                "broken": ValueError("a bug"),
            }[mood]

    async def _pause(self, longest: float) -> None:
        await asyncio.sleep(self._world.random.random() * longest)
        if not self._life.alive:
            raise asyncio.CancelledError

    async def _take(self, batch: Sequence[Record], longest: float) -> None:
        if any(map(self._is_poison, batch)):
            raise PermanentError("poison")
        self._world.arrive(self._life, batch)
        # A crash here finds them delivered, and nobody told.
        await self._pause(longest)
        self._world.confirm(self._life, batch)

    async def _hang(self, batch: Sequence[Record]) -> None:
        if not any(map(self._is_poison, batch)) and self._world.random.random() < 0.5:
            self._world.arrive(self._life, batch)
        await asyncio.sleep(1000)

    async def _take_and_deny(self, batch: Sequence[Record]) -> None:
        most = self._world.random.randint(0, len(batch))
        self._world.arrive(self._life, [each for each in batch[:most] if not self._is_poison(each)])
        raise TransientError("the answer is lost")

    async def _take_some(self, batch: Sequence[Record]) -> None:
        failures: dict[int, TransientError | PermanentError] = {}
        stopped: set[str | None] = set()
        for index, record in enumerate(batch):
            if record.experiment in stopped or self._world.random.random() < 0.2:
                stopped.add(record.experiment)
                failures[index] = TransientError("not now")
            elif self._is_poison(record):
                failures[index] = PermanentError("poison")
        taken = [record for index, record in enumerate(batch) if index not in failures]
        self._world.arrive(self._life, taken)
        await self._pause(0.01)
        self._world.confirm(self._life, taken)
        if failures:
            raise PartialBatchError(failures)

    def _is_poison(self, record: Record) -> bool:
        return self._world.poisonous and crc32(record.event_id.encode()) % 19 == 0


class SimulatedLetters:
    """A dead-letter store that outlives the processes, and fails when it is told to."""

    location = "simulated"

    def __init__(self, world: World) -> None:
        self._world = world
        self._life = _living()

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep the letters."""
        await asyncio.sleep(self._world.random.random() * 0.01)
        if not self._life.alive:
            raise asyncio.CancelledError
        if self._world.letters_fail:
            raise TransientError("the dead-letter store fails")
        self._world.buried.update(letter.event_id for letter in letters)

    async def count(self) -> int:
        """Return how many letters there are."""
        return len(self._world.buried)

    async def aclose(self) -> None:
        """Do nothing."""
