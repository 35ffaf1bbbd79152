"""How fast events may go: a rule without a clock."""

from __future__ import annotations

_MOST_SAVED = 0.1
"""Seconds of events that may be made up for after a pause."""


class Pace:
    """Says when the next event may go, so that no second has more than so many."""

    def __init__(self, per_second: float) -> None:
        """Allow ``per_second`` events."""
        self._interval = 1 / per_second
        self._next = float("-inf")

    def wait(self, now: float) -> float:
        """Count an event that wants to go at ``now``; return the seconds that it has to wait."""
        self._next = max(self._next, now - _MOST_SAVED)
        seconds = max(0.0, self._next - now)
        self._next += self._interval
        return seconds
