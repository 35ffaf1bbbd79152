"""What opens with a plane, or at a reload: channels, their journals, the stores of dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._channel.channel import Channel, close_all
from experimentframework_core._disk.settings import unclaimed
from experimentframework_core._log import logger
from experimentframework_core._plane.place import Place
from experimentframework_core._plane.setup import dead_letter_stores

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from experimentframework_core._metrics.of_plane import PlaneMetrics
    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.deadletter import DeadLetterStore
    from experimentframework_core.plugin import Backplane, BackplanePlugin

LOOP_GRACE = 30.0
"""Seconds that a thread waits for the loop beyond all that is configured."""


async def opened(
    destinations: Sequence[Destination],
    backplane: Backplane | BackplanePlugin[Any] | None,
    files: dict[Path, DeadLetterStore],
    metrics: PlaneMetrics,
) -> list[Place]:
    """Return a channel for each destination, with its journal open; it delivers nothing yet.

    Args:
        destinations: Where events go.
        backplane: What the plane was given beside its options.
        files: The stores of dead letters that there are, by their file; new ones are put in.
        metrics: Told of every delivery.

    Raises:
        PluginError: The plugin of a dead-letter backplane cannot be loaded.
        JournalError: A disk buffer cannot be used; then none is open.
    """
    stores = dead_letter_stores(destinations, backplane, files)
    places = [
        Place(
            Channel(
                destination.config,
                opener=destination.opener,
                key=destination.key,
                dead_letters=store,
                on_delivery=metrics.on_delivery(destination.config.name),
            ),
            destination,
            store,
        )
        for destination, store in zip(destinations, stores, strict=True)
    ]
    try:
        for place in places:
            await place.channel.open()
    except BaseException:
        await discard(places)
        raise
    return places


async def discard(places: Iterable[Place]) -> None:
    """Close channels that have taken nothing."""
    await close_all([place.channel for place in places], 0)


def warn_of_unclaimed(destinations: Iterable[Destination]) -> None:
    """Warn of folders with events that no channel takes."""
    for folder in unclaimed(destination.config for destination in destinations):
        logger.warning("experimentframework.journals_unclaimed", folder=str(folder))


def longest_wait(destinations: Sequence[Destination], options: DataPlaneOptions) -> float:
    """Return the seconds that a publish can take: blocked everywhere, then unacknowledged."""
    blocked = sum(destination.config.buffer.block_timeout_ms for destination in destinations)
    return (blocked + options.ack_timeout_ms) / 1000 + LOOP_GRACE
