"""What became of a file's lines: counts that must add up, and how they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.cli._output import count, table
from experimentframework_core.status import Statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from experimentframework_core.status import ChannelStatistics

MOST_SHOWN = 20
"""Broken lines that are shown one by one; of the rest only the number."""


class BrokenLine(msgspec.Struct, frozen=True):
    """A line that is no event."""

    line: int
    reason: str


class Counts(msgspec.Struct):
    """What was read so far.

    Attributes:
        bytes: Bytes read.
        lines: Lines dealt with; each is blank, broken, filtered or accepted.
        blank: Lines without anything.
        broken: Lines that gave no event.
        shown: The first broken ones.
        stopped_by: The signal that ended the reading.
        read_error: Why the reading ended early.
    """

    bytes: int = 0
    lines: int = 0
    blank: int = 0
    broken: int = 0
    shown: list[BrokenLine] = msgspec.field(default_factory=list)
    stopped_by: int | None = None
    read_error: str | None = None

    def add_broken(self, number: int, reason: str) -> BrokenLine | None:
        """Count a broken line; return it if it is one of the first."""
        self.broken += 1
        if self.broken > MOST_SHOWN:
            return None
        self.shown.append(BrokenLine(number, reason))
        return self.shown[-1]


class Summary(msgspec.Struct, frozen=True):
    """The end of a run.

    Attributes:
        counts: What was read.
        statistics: What became of it.
        reasons: By the backplane's name, why it does not take events.
    """

    counts: Counts
    statistics: Statistics
    reasons: dict[str, str] = {}

    @property
    def ok(self) -> bool:
        """Whether every line was read and each event arrived."""
        return not any(self.troubles())

    def troubles(self) -> Iterator[str]:
        """Yield one sentence for each thing that went wrong."""
        counts = self.counts
        if counts.read_error:
            yield f"The input could not be read to its end: {counts.read_error}"
        if counts.broken:
            yield f"{count(counts.broken, 'line')} could not be published; the rest was."
        for name, channel in self.statistics.backplanes.items():
            yield from _undelivered(name, channel)
            if name in self.reasons and channel.buffered + channel.handed_over + _lost(channel):
                yield f"{name}: {self.reasons[name]}"
        for error in self.mismatches():
            yield f"The counts do not add up, which is a fault of this program: {error}"

    def mismatches(self) -> Iterator[str]:
        """Yield each balance that does not hold; there are none unless the library is wrong."""
        counts, totals = self.counts, self.statistics
        filtered = sum(totals.filtered.values())
        known = counts.blank + counts.broken + filtered + totals.accepted
        if counts.lines != known:
            yield f"{counts.lines} lines read, {known} known"
        known = filtered + totals.rejected + totals.accepted
        if totals.published != known:
            yield f"{totals.published} published, {known} known"
        for name, channel in totals.backplanes.items():
            if _came_in(channel) != _went_out(channel):
                yield f"{name} took {_came_in(channel)}, {_went_out(channel)} known"

    def as_document(self) -> dict[str, Any]:
        """Return the JSON document of ``--json``."""
        counts, totals = self.counts, self.statistics
        return {
            "ok": self.ok,
            "lines": counts.lines,
            "blank": counts.blank,
            "broken": {"count": counts.broken, "first": counts.shown},
            "filtered": totals.filtered,
            "accepted": totals.accepted,
            "backplanes": {name: _figures(each) for name, each in totals.backplanes.items()},
            "addsUp": not any(self.mismatches()),
            "interrupted": counts.stopped_by is not None,
            "troubles": list(self.troubles()),
        }

    def headline(self) -> str:
        """Return what became of the lines, in one line."""
        counts, totals = self.counts, self.statistics
        parts = [f"{totals.accepted:,} accepted", f"{counts.broken:,} broken"]
        parts += [f"{number:,} filtered ({why})" for why, number in totals.filtered.items()]
        parts += [f"{counts.blank:,} blank"] if counts.blank else []
        return f"{count(counts.lines, 'line')}: {', '.join(parts)}"

    def as_table(self) -> Table:
        """Return one row for each backplane: what it took is the sum of the other columns."""
        rows = [
            (name, *(f"{figure:,}" for figure in _columns(channel).values()))
            for name, channel in self.statistics.backplanes.items()
        ]
        columns = ("accepted", "delivered", "dropped", "dead-lettered", "expired", "remaining")
        return table("Backplane", *(f"#{column}" for column in columns), rows=rows)


def _columns(channel: ChannelStatistics) -> dict[str, int]:
    return {
        "accepted": _came_in(channel),
        "delivered": channel.delivered,
        "dropped": sum(channel.dropped.values()),
        "deadLettered": channel.dead_lettered,
        "expired": channel.expired,
        "remaining": channel.buffered + channel.handed_over,
    }


def _figures(channel: ChannelStatistics) -> dict[str, Any]:
    return {**_columns(channel), "droppedBy": channel.dropped, "retried": channel.retried}


def _came_in(channel: ChannelStatistics) -> int:
    return channel.enqueued + channel.recovered


def _went_out(channel: ChannelStatistics) -> int:
    return sum(_columns(channel).values()) - _came_in(channel)


def _lost(channel: ChannelStatistics) -> int:
    return channel.dropped.get("shutdown", 0)


def _undelivered(name: str, channel: ChannelStatistics) -> Iterator[str]:
    for reason, number in channel.dropped.items():
        yield f"{name}: {count(number, 'event')} dropped ({reason})."
    if channel.dead_lettered:
        yield f"{name}: {count(channel.dead_lettered, 'event')} refused and kept as dead letters."
    if channel.expired:
        yield f"{name}: {count(channel.expired, 'event')} expired (retry.maxAgeMs)."
    if channel.buffered:
        yield f"{name}: {count(channel.buffered, 'event')} not delivered within shutdownTimeoutMs."
    if channel.handed_over:
        events = count(channel.handed_over, "event")
        yield f"{name}: {events} not delivered, but kept on disk: the next run delivers them."
