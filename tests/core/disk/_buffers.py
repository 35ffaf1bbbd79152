"""Disk buffers for tests, without a journal: a test says what became of each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._disk.buffer import Bounds, DiskBuffer
from experimentframework_core._disk.journal import Commit, Opened, Row
from experimentframework_core._disk.settled import Settled
from tests.core._channels import key_of, make

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core.envelope import Record

EPOCH = 1_700_000_000.0


class Clock:
    """Stands still until a test sets it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def empty(*, lanes: int = 1, window: int = 4, clock: Any = None, **facts: Any) -> DiskBuffer:
    """Return a buffer over an empty journal, with room for most of what a test does."""
    bounds = Bounds(window, 100_000, facts.pop("pending", 100), facts.pop("pending_bytes", 100_000))
    settings: dict[str, Any] = {"max_events": 1000, "max_bytes": 1_000_000, **facts}
    return DiskBuffer(
        lanes=lanes,
        key=key_of,
        bounds=bounds,
        clock=clock or Clock(),
        epoch=EPOCH,
        **settings,
    )


def filled(names: Iterable[object], **facts: Any) -> DiskBuffer:
    """Return a buffer that has taken records of these names."""
    buffer = empty(**facts)
    for name in names:
        assert buffer.offer(make(name))
    return buffer


def commit(buffer: DiskBuffer, *, trim: bool = False) -> Commit:
    """Have a commit succeed."""
    made = buffer.draft.begin(trim=trim)
    buffer.draft.committed_records(made)
    return made


def deliver(buffer: DiskBuffer, numbers: list[int]) -> None:
    """Have these taken out of the only window, whose oldest they are, and delivered."""
    cut = buffer.windows.queues[0].cut(len(numbers), 100_000, 0.0)
    assert list(cut.numbers) == numbers
    buffer.release(cut.records, cut.numbers)


def settle(buffer: DiskBuffer, records: list[Record], numbers: list[int]) -> None:
    """Have these meet their fate, wherever they are."""
    buffer.release(records, numbers)


def numbers_of(made: Commit) -> list[int]:
    """Return the numbers of the rows that a commit writes."""
    return [row.sequence for row in made.rows]


def opened(last: int, below: int = 1, settled: Iterable[int] = (), size: int = 0) -> Opened:
    """Return what a journal says when it is opened that knows so many numbers."""
    marks = Settled(below)
    for number in settled:
        marks.add(number)
    return Opened(
        last=last,
        below=marks.below,
        blocks=marks.blocks(),
        bytes=size,
        recovered=marks.unsettled(last),
        lost=None,
        ends_at=last,
        cut=False,
    )


def row(number: int, *, at: float = 50.0) -> Row:
    """Return a row that was accepted then by the channel's clock."""
    return Row(number, round((EPOCH + at) * 1000), 0, make(number).body)
