"""What became of the events of a replay: counts that must add up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.status import ChannelStatistics

if TYPE_CHECKING:
    from collections.abc import Iterator


class Counts(msgspec.Struct):
    """What was read so far; every event but the lost ones is counted in ``read`` too.

    Attributes:
        read: Events, and what is none, that were found and dealt with.
        taken: Handed to the target's channels.
        left_out: Left out by the transform.
        unrouted: Of types that no backplane of the target takes.
        unreadable: What is no event, or too large; kept in the side file.
        lost: Events, at most, that retention took from the source before they were read.
        gaps: Places where that was so.
    """

    read: int = 0
    taken: int = 0
    left_out: int = 0
    unrouted: int = 0
    unreadable: int = 0
    lost: int = 0
    gaps: int = 0


class ReplaySummary(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a replay.

    ``read == taken + left_out + unrouted + unreadable`` holds, and for each backplane of the
    target that takes every type ``taken == delivered + dead_lettered + sum(dropped)``.

    Attributes:
        read: Events, and what is none, that were found in the source.
        taken: Handed to the target's backplanes; what became of them is in ``backplanes``. In a
            dry run, those that would have been.
        left_out: Left out by the transform.
        unrouted: Of types that no backplane of the target takes.
        unreadable: What is no event, kept in ``rejected_file``.
        lost: Events, at most, that retention took from the source before they were read.
        gaps: Places where that was so.
        backplanes: By the name of each backplane of the target, what became of the events there;
            ``dropped["shutdown"]`` were not delivered, and come again.
        seconds: How long it took.
        problem: Why it ended early; None where all was read and delivered.
        interrupted: Whether it was cancelled before it was at the end.
        resumed: Whether it went on where an earlier run had stood.
        position: The source's checkpoint: all before it has arrived. None where nothing has, or
            where the source has no positions.
        rejected_file: Where what is no event is kept; None where all was.
    """

    read: int
    taken: int
    left_out: int
    unrouted: int
    unreadable: int
    lost: int
    gaps: int
    backplanes: dict[str, ChannelStatistics]
    seconds: float
    problem: str | None = None
    interrupted: bool = False
    resumed: bool = False
    position: str | None = None
    rejected_file: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether every event that was selected is at the target now."""
        return not self.interrupted and not any(self.troubles())

    @property
    def delivered(self) -> int:
        """Events that every backplane of the target has confirmed."""
        return min((each.delivered for each in self.backplanes.values()), default=0)

    def troubles(self) -> Iterator[str]:
        """Yield one sentence for each thing that went wrong."""
        if self.problem is not None:
            yield self.problem
        if self.unreadable:
            events = "1 record is" if self.unreadable == 1 else f"{self.unreadable:,} records are"
            where = "" if self.rejected_file is None else f"; kept raw in {self.rejected_file}"
            yield f"{events} no event{where}."
        if self.gaps:
            number = f"{self.lost:,} events" if self.lost else "An unknown number of events"
            yield f"{number} were removed from the source before they were read."
        for name, channel in self.backplanes.items():
            yield from _troubles_of(name, channel)
        if not self.adds_up:
            yield "The counts do not add up, which is a fault of this program."

    @property
    def adds_up(self) -> bool:
        """Whether every event that was read has one fate."""
        known = self.taken + self.left_out + self.unrouted + self.unreadable
        return self.read == known and all(map(_balanced, self.backplanes.values()))


def _troubles_of(name: str, channel: ChannelStatistics) -> Iterator[str]:
    if channel.dead_lettered:
        yield f"{name}: {_events(channel.dead_lettered)} refused, and kept as dead letters."
    for reason, number in channel.dropped.items():
        if reason == NOT_DELIVERED:
            yield f"{name}: {_events(number)} read, but not delivered; the next run repeats them."
        else:
            yield f"{name}: {_events(number)} dropped ({reason})."


NOT_DELIVERED = "shutdown"
"""The reason in ``dropped`` of what was in a channel when it was closed."""


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number:,} events"


def _balanced(channel: ChannelStatistics) -> bool:
    fates = channel.delivered + channel.dead_lettered + channel.expired + channel.buffered
    return channel.enqueued == fates + sum(channel.dropped.values())
