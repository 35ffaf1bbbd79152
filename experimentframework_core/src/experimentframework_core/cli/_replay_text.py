"""What `replay` says: how far it is, and what became of the events."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from experimentframework_core._replay.summary import NOT_DELIVERED
from experimentframework_core.cli._output import console, count, say, show_table, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from experimentframework_core._replay.run import Replay
    from experimentframework_core._replay.summary import ReplaySummary
    from experimentframework_core.status import ChannelStatistics

_LOOK_BACK = 10.0
"""Seconds over which the rate is taken."""


class Progress:
    """How far a replay is: called again and again, it knows the rate and the time left."""

    def __init__(self, replay: Replay) -> None:
        """Look at ``replay``."""
        self._replay = replay
        self._seen: deque[tuple[float, int]] = deque()
        self._first: tuple[float, float] | None = None

    def __call__(self) -> tuple[int, str]:
        """Return how many bytes of events were read, and a text."""
        return self._replay.bytes, "; ".join((self._text(), *self._replay.target.troubles()))

    def _text(self) -> str:
        now = time.monotonic()
        counts = self._replay.counts
        self._seen.append((now, counts.read))
        while now - self._seen[0][0] > _LOOK_BACK:
            self._seen.popleft()
        begun, before = self._seen[0]
        parts = [f"{count(counts.read, 'event')} read"]
        if now > begun:
            parts.append(f"{(counts.read - before) / (now - begun):,.0f}/s")
        if (done := self._replay.intake.progress) is not None:
            parts.append(f"{done:.0%}")
            if left := self._left(now, done):
                parts.append(f"{left} left")
        return ", ".join(parts)

    def _left(self, now: float, done: float) -> str | None:
        if self._first is None:
            self._first = now, done
        begun, before = self._first
        if done <= before:
            return None
        return _time((now - begun) * (1 - done) / (done - before))


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def show_summary(summary: ReplaySummary, *, dry_run: bool) -> None:
    """Print what became of the events."""
    out = console()
    out.print(_headline(summary, dry_run=dry_run))
    if summary.backplanes:
        rows = [
            (name, *(f"{figure:,}" for figure in _figures(channel).values()))
            for name, channel in summary.backplanes.items()
        ]
        columns = ("taken", "delivered", "dead-lettered", "dropped", "not delivered")
        show_table(table("Backplane", *(f"#{column}" for column in columns), rows=rows))
    for trouble in summary.troubles():
        say(trouble)


def _headline(summary: ReplaySummary, *, dry_run: bool) -> str:
    parts = [f"{summary.taken:,} {'would be ' if dry_run else ''}handed to the target"]
    parts += [
        f"{number:,} {what}"
        for number, what in (
            (summary.left_out, "left out by the transform"),
            (summary.unrouted, "of types that no backplane takes"),
            (summary.unreadable, "that are no events"),
            (summary.lost, "removed before they were read"),
        )
        if number
    ]
    behind = " behind the checkpoint" if summary.resumed else ""
    text = f"{count(summary.read, 'event')} read{behind}: {', '.join(parts)}"
    if summary.read and summary.seconds >= 1:
        text += f"; {summary.seconds:.1f} s, {summary.read / summary.seconds:,.0f}/s"
    return text


def how_to_go_on(summary: ReplaySummary, checkpoint: Path | None) -> Iterator[str]:
    """Yield what to do where it ended early."""
    if summary.interrupted:
        yield f"Stopped by a signal after {count(summary.read, 'event')}."
    elif summary.problem is None:
        return
    if checkpoint is None:
        yield "Run it again to repeat all; with --checkpoint FILE it remembers what has arrived."
    elif summary.position is None:
        yield "Run it again: nothing has arrived yet."
    else:
        yield f"Run it again with --checkpoint {checkpoint} to go on behind what has arrived."


def as_document(summary: ReplaySummary) -> dict[str, Any]:
    """Return the JSON document of ``--json``."""
    return {
        "ok": summary.ok,
        "read": summary.read,
        "taken": summary.taken,
        "leftOut": summary.left_out,
        "unrouted": summary.unrouted,
        "unreadable": summary.unreadable,
        "lost": summary.lost,
        "backplanes": {name: _figures(each) for name, each in summary.backplanes.items()},
        "addsUp": summary.adds_up,
        "seconds": round(summary.seconds, 3),
        "resumed": summary.resumed,
        "interrupted": summary.interrupted,
        "position": summary.position,
        "rejectedFile": summary.rejected_file,
        "troubles": list(summary.troubles()),
    }


def _figures(channel: ChannelStatistics) -> dict[str, int]:
    not_delivered = channel.dropped.get(NOT_DELIVERED, 0)
    return {
        "taken": channel.enqueued,
        "delivered": channel.delivered,
        "deadLettered": channel.dead_lettered,
        "dropped": sum(channel.dropped.values()) - not_delivered,
        "notDelivered": not_delivered + channel.buffered,
    }
