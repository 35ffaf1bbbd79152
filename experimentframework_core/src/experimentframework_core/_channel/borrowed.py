"""Channels of events that are kept elsewhere until they are delivered: nothing is lost in them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._channel.channel import Channel, close_all
from experimentframework_core.config import BufferConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from experimentframework_core.config import ChannelConfig

_MIB = 1024 * 1024

ROOM = 5_000
"""Events that wait in such a channel: with those in flight, what a kill has delivered again."""


def borrowing(config: ChannelConfig, *, block_timeout_ms: int) -> ChannelConfig:
    """Return the settings of a channel whose events are kept elsewhere.

    Its buffer is in memory whatever the configuration says, and blocks: a journal belongs to the
    live process. Nothing expires: what waits here did not happen just now.
    """
    return msgspec.structs.replace(
        config,
        buffer=BufferConfig(
            type="memory",
            max_events=ROOM,
            max_bytes=64 * _MIB,
            when_full="block",
            block_timeout_ms=block_timeout_ms,
            path=None,
            commit_interval_ms=5,
        ),
        retry=msgspec.structs.replace(config.retry, max_age_ms=None),
    )


async def close_borrowing(channels: Iterable[Channel], timeout: float) -> None:
    """Close the channels; what they do not deliver in time is still where it came from."""
    with _without("experimentframework.events_lost"):
        await close_all(channels, timeout)


@contextmanager
def _without(event: str) -> Iterator[None]:
    """Leave one event out of the log: here nothing is lost."""
    logger = logging.getLogger("experimentframework")

    def is_another(line: logging.LogRecord) -> bool:
        return not line.getMessage().startswith(event)

    logger.addFilter(is_another)
    try:
        yield
    finally:
        logger.removeFilter(is_another)
