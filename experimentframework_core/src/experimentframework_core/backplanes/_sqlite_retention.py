"""When to remove old rows, and how many at a time."""

from __future__ import annotations

_day = 24 * 60 * 60 * 1_000_000
_hour = 60 * 60 * 1_000_000
_smallest_slice = 1000


class Retention:
    """Decides what a delivery removes besides what it stores. All times are microseconds.

    A sweep begins with the first delivery and then once an hour. It removes one slice per
    delivery until nothing is left; a slice is twice the batch, so it outruns what comes in.
    """

    def __init__(self, days: int | None) -> None:
        """Keep events for ``days``, or for ever."""
        self._days = days
        self._next_sweep: int | None = None

    def expired_before(self, now: int) -> int | None:
        """Return the time before which events are removed now; None: remove nothing."""
        if self._days is None or (self._next_sweep is not None and now < self._next_sweep):
            return None
        return now - self._days * _day

    def slice_size(self, batch: int) -> int:
        """Return how many rows to remove at most beside a batch of that many."""
        return max(_smallest_slice, 2 * batch)

    def removed(self, rows: int, limit: int, now: int) -> None:
        """Note that a slice of ``limit`` removed so many rows: fewer end the sweep."""
        if rows < limit:
            self._next_sweep = now + _hour
