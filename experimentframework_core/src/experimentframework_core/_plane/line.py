"""The channels of one destination in the order of their taking: an older one is emptied first."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

import msgspec

from experimentframework_core._log import brief, logger
from experimentframework_core._tasks import spawn
from experimentframework_core.status import Health, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._plane.place import Place
    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.deadletter import DeadLetterStore

LOOK_EVERY = 0.1
"""Seconds between two looks whether a channel is emptied."""

DOWN_PATIENCE = 0.5
"""Seconds that a destination which is down has for what was accepted for it."""

PATIENCE = 0.5
"""Seconds that what is in flight has, before it is delivered by other settings."""

CLOSE_PATIENCE = 2.0
"""Seconds that an emptied channel has to close its backplane."""

END_PATIENCE = 6.0
"""Seconds that the end of an emptied channel takes at most, where its disk hangs as well."""


class Count(Protocol):
    """Takes over the counts of a channel in the moment in which it is removed."""

    def __call__(self, channel: Channel, *, remove: Callable[[], object]) -> None:
        """Count what became of its events, and call ``remove``."""


class Line:
    """Has the newest channel take, and begin to deliver when all before it are emptied.

    Each of those delivers what it has taken by its own settings, for as long as its time; what is
    left then, it delivers by those of the newest one. So one order holds for all, and nothing
    moves from one buffer into another.
    """

    def __init__(
        self, place: Place, *, ended: Callable[[Place], Awaitable[None]], count: Count
    ) -> None:
        """Begin with one channel, which is open.

        Args:
            place: The channel.
            ended: Told of every channel that has closed before the line does.
            count: Takes the counts of such a channel, and calls what removes it from the line.
        """
        self._places = deque([place])
        self._ended = ended
        self._count = count
        self._source: Place | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: Channel | None = None
        self._timeout = 0.0
        self._leave_by: float | None = None
        self._closing = False
        place.channel.start()

    @property
    def newest(self) -> Place:
        """What takes now."""
        return self._places[-1]

    @property
    def channels(self) -> Sequence[Channel]:
        """All channels that are not ended, the oldest first."""
        return [place.channel for place in tuple(self._places)]

    @property
    def stores(self) -> Sequence[DeadLetterStore]:
        """The stores that they use."""
        return [place.store for place in self._places if place.store is not None]

    def reroute(self, destination: Destination) -> None:
        """Have the newest channel take other event types; nothing else may differ."""
        place = self._places[-1]
        place.channel.reroute(destination.config)
        self._places[-1] = msgspec.structs.replace(place, destination=destination)

    def follow(self, place: Place, *, timeout: float) -> None:
        """Have another channel take from now on; a line that leaves stays.

        Args:
            place: The channel, which is open.
            timeout: Seconds that the one before has to deliver by its own settings.
        """
        place.channel.keep()
        self._places.append(place)
        self._leave_by = None
        self._begin(timeout)

    def leave(self, *, timeout: float) -> None:
        """Have the line end: it delivers what it took for ``timeout`` seconds and closes."""
        self._leave_by = asyncio.get_running_loop().time() + timeout
        self._begin(timeout)

    def _begin(self, timeout: float) -> None:
        self._timeout = timeout
        if self._task is None or self._task.done():
            name = f"experimentframework.{self._places[0].channel.name}.changeover"
            self._task = spawn(self._run(), name=name)

    @property
    def _has_work(self) -> bool:
        """Whether the first channel is to end."""
        ends = len(self._places) > 1 or (self._leave_by is not None and bool(self._places))
        return ends and not self._closing

    async def _run(self) -> None:
        while self._has_work:
            channel = self._places[0].channel
            try:
                await self._empty(channel)
            except Exception as error:  # noqa: BLE001 - the loop's edge: what comes after goes on
                _stumbled(channel, error)
            if self._closing:
                return
            await self._end()
            if len(self._places) == 1 and not self._closing:
                self._places[0].channel.start()

    async def _empty(self, channel: Channel) -> None:
        """Return when nothing is left in the channel, or the line closes."""
        begun = asyncio.get_running_loop().time()
        await self._empty_for_a_while(
            channel, lambda: begun + self._timeout, lambda: self._closing or self._is_given_up
        )
        while not (self._closing or self._is_given_up or _is_over(channel)):
            await self._renew(channel)
            await _look(channel)

    async def _empty_for_a_while(
        self, channel: Channel, until: Callable[[], float], is_cut_short: Callable[[], bool]
    ) -> None:
        """Have the channel deliver by its own settings, as long as that leads somewhere."""
        now = asyncio.get_running_loop().time
        well = now()
        while not (is_cut_short() or _is_over(channel)) and now() < until():
            await _look(channel)
            if channel.health().status is not HealthStatus.UNHEALTHY:
                well = now()
            elif self._leave_by is None and now() >= well + DOWN_PATIENCE:
                return

    async def _renew(self, channel: Channel, *, patience: float = PATIENCE) -> None:
        """Have the first channel deliver by the settings of the newest, if it does not yet."""
        newest = self._places[-1]
        if newest is self._source or newest.channel is channel:
            return
        self._source = newest
        await channel.renew(
            newest.destination.config,
            opener=newest.destination.opener,
            key=newest.destination.key,
            dead_letters=newest.store,
            patience=patience,
        )

    @property
    def _is_given_up(self) -> bool:
        """Whether the time is over in which a line that leaves may still deliver."""
        return self._leave_by is not None and asyncio.get_running_loop().time() >= self._leave_by

    async def _end(self) -> None:
        channel = self._ending = self._places[0].channel
        try:
            channel.room.dismiss()
            while not channel.buffer.retire():  # noqa: ASYNC110 - another thread is in between
                await asyncio.sleep(LOOK_EVERY / 10)
            result = await channel.close(CLOSE_PATIENCE if channel.spent else 0, for_good=True)
            if result.kept:
                logger.warning(
                    "experimentframework.events_left",
                    backplane=channel.name,
                    count=result.kept,
                )
        except Exception as error:  # noqa: BLE001 - it is closed as far as we are concerned
            _stumbled(channel, error)
        place = self._places[0]
        self._source = None
        self._count(channel, remove=self._places.popleft)
        try:
            await self._ended(place)
        except Exception as error:  # noqa: BLE001 - its store could not be closed
            _stumbled(channel, error)

    async def close(self, timeout: float) -> None:
        """Deliver for at most ``timeout`` seconds what was taken, in order, and close."""
        now = asyncio.get_running_loop().time
        deadline = now() + timeout
        self._closing = True
        # One whose end has begun has nothing left but a backplane that is slow to close.
        if self._task is not None and self._ending not in self.channels:
            await asyncio.wait((self._task,), timeout=timeout)
        for channel in [each for each in self.channels if each is not self._ending]:
            if not channel.is_started:
                channel.start()
            is_newest = channel is self.newest.channel
            if not is_newest:
                await self._try_to_empty(channel, (deadline - now()) / 2)
            for_good = not is_newest or self._leave_by is not None
            await channel.close(max(0.0, deadline - now()), for_good=for_good)
            self._source = None
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=END_PATIENCE)

    async def _try_to_empty(self, channel: Channel, timeout: float) -> None:
        """Have a channel deliver by its own settings at first, but those after it wait, too."""
        until = asyncio.get_running_loop().time() + timeout
        try:
            if self._source is None:
                await self._empty_for_a_while(channel, lambda: until, lambda: False)
            if timeout > 0 and not _is_over(channel):
                await self._renew(channel, patience=min(PATIENCE, timeout / 2))
        except Exception as error:  # noqa: BLE001 - it is closed all the same
            _stumbled(channel, error)

    def health(self) -> Health:
        """Return how the newest channel fares, and those that it waits for."""
        *before, newest = [channel.health() for channel in self.channels]
        draining = sum(channel.buffer.events for channel in self.channels[:-1])
        diagnostics = {**newest.diagnostics, "before_reload": draining}
        worst = max([newest, *before], key=lambda each: _severity[each.status])
        return Health(worst.status, worst.description, diagnostics)


_severity = {HealthStatus.HEALTHY: 0, HealthStatus.DEGRADED: 1, HealthStatus.UNHEALTHY: 2}


def _is_over(channel: Channel) -> bool:
    """Return whether nothing is left, nor comes from another thread from now on."""
    return channel.spent and channel.buffer.retire()


async def _look(channel: Channel) -> None:
    """Deliver for a moment."""
    # One between that had nothing to deliver need not open its backplane.
    if not channel.is_started:
        channel.start()
    result = await channel.flush(LOOK_EVERY)
    if not (result.timed_out or channel.spent):
        # What is missing is on its way from a publisher or another thread.
        await asyncio.sleep(LOOK_EVERY / 10)


def _stumbled(channel: Channel, error: Exception) -> None:
    logger.error(
        "experimentframework.changeover_failed", backplane=channel.name, error=brief(error)
    )
