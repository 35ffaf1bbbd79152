"""What works in a plane: a line of channels for each destination, and the ways in."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._channel.channel import flush_all
from experimentframework_core._gate.gate import Rules
from experimentframework_core._new_thread import in_new_thread
from experimentframework_core._plane.comparison import compare, result_of
from experimentframework_core._plane.entrance import Entrance
from experimentframework_core._plane.line import Line
from experimentframework_core._plane.offering import Offering
from experimentframework_core._plane.opening import (
    discard,
    longest_wait,
    opened,
    warn_of_unclaimed,
)
from experimentframework_core._plane.overview import Ended, statistics_of, sum_of
from experimentframework_core._plane.routing import Router
from experimentframework_core._plane.setup import resolve
from experimentframework_core._plane.stores import Stores
from experimentframework_core._plane.threads import Doorway, Tally
from experimentframework_core.errors import DataPlaneClosedError
from experimentframework_core.plugin import BackplanePlugin

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._metrics.of_plane import PlaneMetrics
    from experimentframework_core._plane.comparison import Comparison
    from experimentframework_core._plane.place import Place
    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.plugin import Backplane
    from experimentframework_core.status import FlushResult, Health, ReloadResult, Statistics


class Works:
    """Opens what a plane's options name, changes it at a reload, and closes it.

    Attributes:
        options: The options, completed.
        entrance: The way in on the loop's thread.
        doorway: The way in for other threads; None before `open`.
        stores: Where the channels' dead letters go.
    """

    def __init__(
        self,
        options: DataPlaneOptions,
        backplane: Backplane | BackplanePlugin[Any] | None,
        metrics: PlaneMetrics,
    ) -> None:
        """Check the options; nothing is opened. ``metrics`` is told of every delivery.

        Raises:
            ConfigurationError: The options are wrong; it holds every problem.
            TypeError: What was given is neither options nor a backplane.
        """
        self.options, self._destinations = resolve(options, backplane)
        self.doorway: Doorway | None = None
        self.stores = Stores(lambda: chain.from_iterable(line.stores for line in self._all_lines))
        self._given = backplane
        self._metrics = metrics
        self._lines: list[Line] = []
        self._all_lines: list[Line] = []
        self._ended = Ended()
        self._opened = self._closed = False
        tally = Tally()
        self.entrance = Entrance(
            self._router(), _offering(self.options, tally), self.options.ack, tally
        )

    @property
    def channels(self) -> Sequence[Channel]:
        """The channels that take events."""
        return [line.newest.channel for line in self._lines]

    @property
    def _all_channels(self) -> Sequence[Channel]:
        """These and those that are being emptied; also from another thread."""
        return [channel for line in self._all_lines for channel in line.channels]

    def _router(self, before: Counter[str] | None = None) -> Router:
        return Router(
            Rules(self.options),
            self.channels,
            max_bytes=self.options.max_event_bytes,
            before=before,
        )

    async def open(self) -> None:
        """Open the journals and start delivering.

        Raises:
            DataPlaneClosedError: It was opened before.
            JournalError: A disk buffer cannot be used.
        """
        if self._opened:
            message = "a DataPlane opens once; make a new one"
            raise DataPlaneClosedError(message)
        self._opened = True
        places = await self._open_places(self._destinations)
        warn_of_unclaimed(self._destinations)
        self._lines = self._all_lines = [self._line(place) for place in places]
        self.entrance.router = self._router()
        self.entrance.router.watch()
        self.doorway = Doorway(
            asyncio.get_running_loop(),
            self.entrance,
            longest_wait=longest_wait(self._destinations, self.options),
        )

    async def _open_places(self, destinations: Sequence[Destination]) -> list[Place]:
        return await opened(destinations, self._given, self.stores.files, self._metrics)

    def _line(self, place: Place) -> Line:
        return Line(place, ended=self._place_ended, count=self._ended.add)

    async def reload(self, options: DataPlaneOptions) -> ReloadResult:
        """Work by other options from the moment in which this returns.

        Raises:
            ConfigurationError: The options are wrong; nothing has changed.
            PluginError: A plugin cannot be loaded; nothing has changed.
            JournalError: A new disk buffer cannot be used; nothing has changed.
            DataPlaneClosedError: The plane was closed meanwhile.
        """
        self._refuse_if_closed()
        with self.stores.opening():
            return await self._reload(options)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise DataPlaneClosedError("the plane was closed during the reload")

    async def _reload(self, options: DataPlaneOptions) -> ReloadResult:
        options, destinations = await in_new_thread(
            partial(resolve, options, self._given), name="reload"
        )
        if self._given is not None and not isinstance(self._given, BackplanePlugin):
            # Its guard is the same for all channels that call it, one after the other.
            opener = self._destinations[0].opener
            destinations = [msgspec.structs.replace(destinations[0], opener=opener)]
        found = compare(self._destinations, destinations)
        fresh = [each for index, each in enumerate(destinations) if index not in found.kept]
        self._refuse_if_closed()
        places = await self._open_places(fresh)
        if self._closed:
            await discard(places)
            self._refuse_if_closed()
        # From here to the end without a turn of the loop: no publish sees half of it.
        return self._change(options, destinations, found, places)

    def _change(
        self,
        options: DataPlaneOptions,
        destinations: list[Destination],
        found: Comparison,
        places: list[Place],
    ) -> ReloadResult:
        result = result_of(self._destinations, destinations, found)
        if self.doorway is not None:
            self.doorway.drain()
        timeout = self.options.shutdown_timeout_ms / 1000
        arriving = iter(places)
        lines = []
        for index, before in enumerate(found.before):
            name = destinations[index].config.name
            line = self._leaving(name) if before is None else self._lines[before]
            if line is None:
                line = self._line(next(arriving))
            elif index in found.kept:
                line.reroute(destinations[index])
            else:
                line.follow(next(arriving), timeout=timeout)
            lines.append(line)
        for index in found.removed:
            self._lines[index].leave(timeout=timeout)
        self._all_lines = [
            *self._all_lines,
            *(line for line in lines if line not in self._all_lines),
        ]
        self._lines, self.options, self._destinations = lines, options, destinations
        self._let_in()
        return result

    def _leaving(self, name: str) -> Line | None:
        """Return the line of that name which a reload has removed, and which is not empty yet."""
        leaving = (line for line in self._all_lines if line not in self._lines)
        return next((line for line in leaving if line.newest.channel.name == name), None)

    def _let_in(self) -> None:
        """Have every event from now on decided upon by the present options."""
        entrance, options = self.entrance, self.options
        entrance.router.stop_watching()
        entrance.router = self._router(entrance.router.taken())
        entrance.router.watch()
        entrance.offering = _offering(options, entrance.tally)
        entrance.default_ack = options.ack
        if self.doorway is not None:
            self.doorway.longest_wait = longest_wait(self._destinations, options)

    async def _place_ended(self, place: Place) -> None:
        """Forget a channel that is closed, and close its store if nobody uses that any more."""
        self._all_lines = [line for line in self._all_lines if line.channels]
        await self.stores.left(place.store)

    async def flush(self, timeout: float | None) -> FlushResult:
        """Deliver now what was accepted before this call."""
        if self.doorway is not None:
            self.doorway.drain()
        return sum_of(await flush_all(self._all_channels, timeout))

    def shut(self) -> None:
        """Take nothing more from other threads, and change no more."""
        self._closed = True
        if self.doorway is not None:
            self.doorway.close()

    async def close(self, timeout: float) -> FlushResult:
        """Deliver within ``timeout`` seconds what was taken, and close everything."""
        self.entrance.router.stop_watching()
        try:
            await asyncio.gather(*(line.close(timeout) for line in self._all_lines))
        finally:
            await self.stores.close()
        return self.closing()

    def closing(self) -> FlushResult:
        """Return what the closing achieved, so far."""
        return sum_of([each.closing for each in self._all_channels if each.closing])

    def left_behind(self) -> FlushResult:
        """Return what becomes of the rest when the loop never answers again, from any thread."""
        return sum_of([each.left_behind() for each in self._all_channels])

    def health(self) -> dict[str, Health]:
        """Return how each destination fares."""
        return {line.newest.channel.name: line.health() for line in self._lines}

    def statistics(self) -> Statistics:
        """Return the fates of all events so far."""
        there = self.doorway.tally if self.doorway else Tally()
        entrance = self.entrance
        backplanes = self._ended.with_those_of(lambda: self._all_channels)
        return statistics_of(entrance.tally, there, entrance.router, backplanes)


def _offering(options: DataPlaneOptions, tally: Tally) -> Offering:
    node = options.backplane
    return Offering(
        tally,
        need_all=node is None or node.require != "any",
        ack_timeout=options.ack_timeout_ms / 1000,
    )
