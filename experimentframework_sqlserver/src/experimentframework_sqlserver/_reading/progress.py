"""Decides what a reading still waits for: pure, ``now`` is an argument.

A row's ``Id`` is given when it is inserted, and the row is seen when its transaction commits: a row
may come after others with higher ids. So the numbers that are missing before a row are remembered
and looked for again, until it is certain enough that their transactions were rolled back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_sqlserver._reading.checkpoint import Gap, Position

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 600.0
"""Seconds for which a missing row is looked for: the longest transaction that is reckoned with."""

MOST_GAPS = 10_000
"""Gaps that are remembered; beyond them, the oldest are forgotten before their time."""


class Progress:
    """Where a reading stands, and which rows it still waits for."""

    def __init__(self, position: Position) -> None:
        """Go on from ``position``."""
        self._after = position.after
        self._missing = list(position.missing)

    @property
    def position(self) -> Position:
        """What to go on from later."""
        return Position(self._after, tuple(self._missing))

    @property
    def after(self) -> int:
        """The ``Id`` of the last row that was read."""
        return self._after

    @property
    def missing(self) -> Sequence[Gap]:
        """The gaps to look into."""
        return self._missing

    def settled(self, number: int) -> None:
        """Note that everything up to a row is read, and nothing can come there any more."""
        self._after = max(self._after, number)

    def read(self, number: int, made: float, now: float) -> None:
        """Note that a row behind all others was read, made at that time.

        Every number between is missing now, unless it is too long ago for a transaction.
        """
        if number > self._after + 1 and now - made < PATIENCE:
            self._missing.append(Gap(self._after + 1, number - 1, made))
        self._after = number

    def came(self, number: int) -> None:
        """Note that a missing row has come."""
        self._missing = [part for gap in self._missing for part in gap.without(number)]

    def forget(self, now: float) -> None:
        """Wait no longer for what is missing for too long."""
        kept = [gap for gap in self._missing if now - gap.since < PATIENCE]
        self._missing = kept[-MOST_GAPS:]
