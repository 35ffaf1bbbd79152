"""Which settled rows are still in the journal, to be deleted together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._disk.ranges import merged

if TYPE_CHECKING:
    from collections.abc import Iterable

ENOUGH = 512
"""How many settled rows are deleted together: few, because acknowledgements wait meanwhile."""


class Trimming:
    """Stretches of settled rows that wait to be deleted.

    Attributes:
        events: How many rows that is; those of an earlier process count as one.
    """

    __slots__ = ("_ranges", "events")

    def __init__(self) -> None:
        """Begin with nothing to delete."""
        self.events = 0
        self._ranges: list[tuple[int, int]] = []

    @property
    def worthwhile(self) -> bool:
        """Whether there are enough to be deleted together."""
        return self.events >= ENOUGH

    def found(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Begin with what an earlier process has settled: that alone is no hurry."""
        self._ranges = list(ranges)
        self.events = min(len(self._ranges), 1)

    def add(self, first: int, last: int, *, join: bool) -> None:
        """Note that the rows from ``first`` to ``last`` are settled.

        Args:
            first: The first one's number.
            last: The last one's.
            join: Make one stretch with the one before; not while that is being deleted.
        """
        self.events += last - first + 1
        if join and self._ranges and self._ranges[-1][1] == first - 1:
            first = self._ranges.pop()[0]
        self._ranges.append((first, last))

    def begin(self) -> tuple[tuple[int, int], ...]:
        """Return what may be deleted now, in few stretches."""
        # Lanes settle side by side: their stretches make few where they are put together.
        self._ranges = merged(self._ranges)
        return tuple(self._ranges)

    def done(self, count: int) -> None:
        """The first ``count`` stretches of what `begin` returned are deleted."""
        del self._ranges[:count]
        self.events = sum(last - first + 1 for first, last in self._ranges)
