"""What works in a plane: the channels, the stores of their dead letters, and the ways in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from experimentframework_core._channel.channel import close_all, flush_all
from experimentframework_core._gate.gate import Rules
from experimentframework_core._gate.trace import traceparent_source
from experimentframework_core._plane.entrance import Entrance
from experimentframework_core._plane.offering import Offering
from experimentframework_core._plane.opening import channels_of, longest_wait, open_journals
from experimentframework_core._plane.overview import health_of, statistics_of, sum_of
from experimentframework_core._plane.routing import Router
from experimentframework_core._plane.setup import resolve
from experimentframework_core._plane.threads import Doorway, Tally
from experimentframework_core.errors import DataPlaneClosedError
from experimentframework_core.status import FlushResult, Health, HealthStatus, Statistics

if TYPE_CHECKING:
    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._metrics.of_plane import PlaneMetrics
    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.deadletter import DeadLetterStore
    from experimentframework_core.plugin import Backplane, BackplanePlugin


class Works:
    """Opens what a plane's options name, and closes it.

    Attributes:
        options: The options, completed.
        channels: The open channels.
        entrance: The way in on the loop's thread.
        doorway: The way in for other threads; None before `open`.
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
        self._given = backplane
        self._metrics = metrics
        self.channels: tuple[Channel, ...] = ()
        self._stores: tuple[DeadLetterStore, ...] = ()
        tally = Tally()
        self.entrance = Entrance(self._router(), _offering(self.options, tally), tally)
        self.doorway: Doorway | None = None

    def _router(self) -> Router:
        return Router(
            Rules(self.options),
            self.channels,
            max_bytes=self.options.max_event_bytes,
            traceparent=traceparent_source(),
        )

    async def open(self) -> None:
        """Open the journals and start delivering.

        Raises:
            DataPlaneClosedError: It was opened before.
            JournalError: A disk buffer cannot be used.
        """
        if self.channels:
            message = "a DataPlane opens once; make a new one"
            raise DataPlaneClosedError(message)
        self.channels, self._stores = channels_of(self._destinations, self._given, self._metrics)
        await open_journals(self.channels, self._destinations)
        self.entrance.router = self._router()
        self.doorway = Doorway(
            asyncio.get_running_loop(),
            self.entrance,
            longest_wait=longest_wait(self._destinations, self.options),
        )
        for channel in self.channels:
            channel.start()

    async def flush(self, timeout: float | None) -> FlushResult:
        """Deliver now what was accepted before this call."""
        if self.doorway is not None:
            self.doorway.drain()
        return sum_of(await flush_all(self.channels, timeout))

    async def close(self) -> FlushResult:
        """Deliver within ``shutdownTimeoutMs`` what was taken, and close everything."""
        try:
            await close_all(self.channels, self.options.shutdown_timeout_ms / 1000)
        finally:
            for store in self._stores:
                await store.aclose()
        return self.closing()

    def closing(self) -> FlushResult:
        """Return what the closing achieved, so far."""
        return sum_of([each.closing for each in self.channels if each.closing])

    def health(self, unusable: str | None) -> Health:
        """Return how the channels fare; with the reason where the plane cannot be used."""
        if unusable is not None:
            last = {channel.name: channel.health() for channel in self.channels}
            return Health(HealthStatus.UNHEALTHY, unusable, last)
        return health_of(self.channels)

    def statistics(self) -> Statistics:
        """Return the fates of all events so far."""
        there = self.doorway.tally if self.doorway else Tally()
        entrance = self.entrance
        return statistics_of(entrance.tally, there, entrance.router.routes, self.channels)


def _offering(options: DataPlaneOptions, tally: Tally) -> Offering:
    node = options.backplane
    return Offering(
        tally,
        need_all=node is None or node.require != "any",
        ack_timeout=options.ack_timeout_ms / 1000,
    )
