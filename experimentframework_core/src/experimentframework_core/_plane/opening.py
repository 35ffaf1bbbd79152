"""What opens with a plane: its channels, their journals, the stores of dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._channel.channel import Channel, close_all
from experimentframework_core._disk.settings import unclaimed
from experimentframework_core._log import logger
from experimentframework_core._plane.setup import dead_letter_stores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core._metrics.of_plane import PlaneMetrics
    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.deadletter import DeadLetterStore
    from experimentframework_core.plugin import Backplane, BackplanePlugin

LOOP_GRACE = 30.0
"""Seconds that a thread waits for the loop beyond all that is configured."""


def channels_of(
    destinations: Sequence[Destination],
    backplane: Backplane | BackplanePlugin[Any] | None,
    metrics: PlaneMetrics,
) -> tuple[tuple[Channel, ...], tuple[DeadLetterStore, ...]]:
    """Return a channel for each destination, and the stores of their dead letters, each once.

    Args:
        destinations: Where events go.
        backplane: What the plane was given beside its options.
        metrics: Told of every delivery.

    Raises:
        PluginError: The plugin of a dead-letter backplane cannot be loaded.
    """
    stores = dead_letter_stores(destinations, backplane)
    channels = (
        Channel(
            destination.config,
            opener=destination.opener,
            key=destination.key,
            dead_letters=store,
            on_delivery=metrics.on_delivery(destination.config.name),
        )
        for destination, store in zip(destinations, stores, strict=True)
    )
    return tuple(channels), tuple({id(store): store for store in stores if store}.values())


async def open_journals(channels: Sequence[Channel], destinations: Sequence[Destination]) -> None:
    """Open the buffer of each channel, or none; warn of folders with events that nobody takes.

    Raises:
        JournalError: A disk buffer cannot be used.
    """
    try:
        for channel in channels:
            await channel.open()
    except BaseException:
        await close_all(channels, 0)
        raise
    for folder in unclaimed(destination.config for destination in destinations):
        logger.warning("experimentframework.journals_unclaimed", folder=str(folder))


def longest_wait(destinations: Sequence[Destination], options: DataPlaneOptions) -> float:
    """Return the seconds that a publish can take: blocked everywhere, then unacknowledged."""
    blocked = sum(destination.config.buffer.block_timeout_ms for destination in destinations)
    return (blocked + options.ack_timeout_ms) / 1000 + LOOP_GRACE
