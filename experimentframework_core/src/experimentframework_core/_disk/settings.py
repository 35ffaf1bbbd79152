"""From a channel's settings to its buffer on disk."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from experimentframework_core._disk.buffer import Bounds, DiskBuffer
from experimentframework_core._disk.folders import folder_of
from experimentframework_core._disk.owner import holds_journal
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from experimentframework_core.config import ChannelConfig
    from experimentframework_core.envelope import Record

WINDOW_EVENTS = 10_000
WINDOW_BYTES = 16 * 1024 * 1024
"""How much of a channel waits in memory, if that is enough for some batches of each lane."""

WINDOW_BATCHES = 4
"""How many batches of a lane wait in memory at least."""

OVERFLOW_EVENTS = 1_000_000
OVERFLOW_BYTES = 1 << 30
"""How much a buffer in memory that overflows may hold in all, as one on disk by default."""


def is_on_disk(config: ChannelConfig) -> bool:
    """Return whether the channel keeps a journal."""
    return config.buffer.type == "disk" or config.buffer.when_full == "overflow"


def root_of(config: ChannelConfig) -> Path:
    """Return the folder of all journals of the channel's backplane."""
    return folder_of(config.buffer.path or "", config.name)


def unclaimed(configs: Iterable[ChannelConfig]) -> list[Path]:
    """Return folders of journals beside those of the channels: of a backplane under another name.

    Args:
        configs: The settings of all of a plane's channels.
    """
    claimed = {root_of(config) for config in configs if is_on_disk(config)}
    beside: set[Path] = set()
    with suppress(OSError, JournalError):
        for parent in {root.parent for root in claimed}:
            beside.update(each for each in parent.iterdir() if each.is_dir())
        return sorted(root for root in beside - claimed if holds_journal(root))
    return []


def disk_buffer(
    config: ChannelConfig,
    *,
    key: Callable[[Record], str],
    clock: Callable[[], float],
    wall: Callable[[], float] = time.time,
) -> DiskBuffer:
    """Return the disk buffer of the channel, still empty.

    Args:
        config: The channel's settings.
        key: What must stay in order.
        clock: The channel's clock, in seconds.
        wall: The time since 1970, in seconds.
    """
    overflow = config.buffer.when_full == "overflow"
    return DiskBuffer(
        max_events=OVERFLOW_EVENTS if overflow else config.buffer.max_events,
        max_bytes=OVERFLOW_BYTES if overflow else config.buffer.max_bytes,
        lanes=config.concurrency,
        key=key,
        bounds=_memory(config) if overflow else _window(config),
        clock=clock,
        epoch=wall() - clock(),
        lazy=overflow,
    )


def _window(config: ChannelConfig) -> Bounds:
    return Bounds(
        window_events=max(WINDOW_BATCHES * config.batch_size, WINDOW_EVENTS // config.concurrency),
        # Half of it takes the largest event: a lane that has half of its window left can go on.
        window_bytes=max(
            WINDOW_BATCHES * config.batch_bytes,
            WINDOW_BYTES // config.concurrency,
            2 * config.max_event_bytes,
        ),
    )


def _memory(config: ChannelConfig) -> Bounds:
    """Return bounds that let as much wait in memory as the buffer's own say."""
    window = _window(config)
    events, size = config.buffer.max_events, config.buffer.max_bytes
    return Bounds(
        window_events=max(window.window_events, events // config.concurrency),
        window_bytes=max(window.window_bytes, size // config.concurrency),
        pending_events=events,
        pending_bytes=size,
    )
