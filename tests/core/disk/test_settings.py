"""From a channel's settings to the bounds of its buffer on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._disk.settings import (
    OVERFLOW_EVENTS,
    WINDOW_EVENTS,
    disk_buffer,
    is_on_disk,
    root_of,
)
from tests.core._channels import configure, key_of, make

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core._disk.buffer import DiskBuffer


def made(buffer: dict[str, Any], **settings: Any) -> DiskBuffer:
    config = configure(buffer={"path": "spool", **buffer}, **settings)
    return disk_buffer(config, key=key_of, clock=lambda: 5.0, wall=lambda: 1005.0)


@pytest.mark.parametrize(
    ("buffer", "expected"),
    [
        ({}, False),
        ({"type": "disk", "path": "spool"}, True),
        ({"when_full": "overflow", "path": "spool"}, True),
    ],
)
def test_what_keeps_a_journal(buffer: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert is_on_disk(configure(buffer=buffer)) is expected


def test_a_buffer_on_disk_has_its_own_bounds(tmp_path: Path) -> None:
    buffer = made({"type": "disk", "max_events": 7, "max_bytes": 70_000})

    assert (buffer.max_events, buffer.max_bytes, buffer.draft.lazy) == (7, 70_000, False)


def test_overflow_bounds_memory_and_writes_late() -> None:
    """Given room for 20 in memory, then that many wait unwritten, and the disk takes the rest."""
    buffer = made({"when_full": "overflow", "max_events": 20})
    offered = [bool(buffer.offer(make(number))) for number in range(21)]

    assert (buffer.draft.lazy, buffer.max_events) == (True, OVERFLOW_EVENTS)
    assert offered == [True] * 20 + [False]


@pytest.mark.parametrize(
    ("lanes", "batch", "expected"), [(1, 10, 0), (4, 10, 0), (1, 9000, 36_000)]
)
def test_a_window_holds_some_batches_at_least(lanes: int, batch: int, expected: int) -> None:
    """Given lanes that share the memory, then each has its part, but four batches at least."""
    buffer = made({"type": "disk"}, concurrency=lanes, batch_size=batch)

    assert buffer.windows.queues[0].room[0] == max(expected, WINDOW_EVENTS // lanes)


def test_half_a_window_takes_the_largest_event() -> None:
    buffer = made({"type": "disk"}, batch_bytes=1000, max_event_bytes=40_000_000)

    assert buffer.windows.queues[0].room[1] == 80_000_000


def test_a_backplane_has_a_folder_by_its_name(tmp_path: Path) -> None:
    config = configure(buffer={"type": "disk", "path": str(tmp_path)})

    assert root_of(config) == tmp_path / "faulty"
