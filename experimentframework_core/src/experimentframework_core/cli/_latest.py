"""The latest of a source's events: memory for so many, however many there are."""

from __future__ import annotations

import heapq
from contextlib import aclosing
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._reading.reading import Reading
    from experimentframework_core.envelope import Envelope

_SPANS = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=30))
"""How far back is looked, one after another, before everything is read."""


class Latest:
    """Keeps the latest events by their own times; of one time, those that came last.

    Their order of arrival would not do: a source may be read one partition after another.
    """

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._kept: list[tuple[datetime, int, Envelope]] = []
        self._numbers = count()

    @property
    def is_full(self) -> bool:
        """Whether as many are kept as may be."""
        return len(self._kept) >= self._most

    def add(self, envelope: Envelope) -> None:
        """Keep ``envelope`` if it is one of the latest."""
        entry = (envelope.timestamp, next(self._numbers), envelope)
        if not self.is_full:
            heapq.heappush(self._kept, entry)
        elif self._most:
            heapq.heappushpop(self._kept, entry)

    def __iter__(self) -> Iterator[Envelope]:
        """Yield what is kept, the earliest first."""
        return (envelope for _, _, envelope in sorted(self._kept))


async def latest(reading: Reading, most: int, end: datetime) -> Latest:
    """Return the latest events of a reading, which then stands behind all that are stored.

    Most sources find a time sooner than they read what was before it: so the last minute is read
    first, and more only if that has too few.

    Args:
        reading: What to read; where it begins at a time or a checkpoint, it is read once.
        most: How many at most.
        end: The time behind the latest.
    """
    at_once = reading.is_bounded or not reading.finds_times
    spans = () if at_once else _SPANS if most else (timedelta(0),)
    for since in (*[end - span for span in spans], None):
        kept = Latest(most)
        async with aclosing(reading.stored(since)) as envelopes:
            async for envelope in envelopes:
                kept.add(envelope)
        # Some sources stand behind what they gave, not behind all they looked at.
        if kept.is_full and (reading.checkpoint is not None or not reading.has_positions):
            break
    return kept
