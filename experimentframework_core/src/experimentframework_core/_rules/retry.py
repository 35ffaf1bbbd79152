"""When to try again: exponential backoff, capped first and then fully jittered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


LONGEST_ASKED_FOR = 3600.0
"""Seconds that a destination can ask us to wait at most."""


def _asked_for(seconds: object) -> float:
    """Return what a destination asked for, within reason: it comes from a plugin."""
    if not isinstance(seconds, int | float) or math.isnan(seconds):
        return 0.0
    return min(float(seconds), LONGEST_ASKED_FOR)


class Backoff:
    """The delays between the attempts of one lane.

    The cap comes before the jitter: jitter applied to an uncapped delay would bring all clients
    back in step once they reach the cap.
    """

    def __init__(
        self,
        *,
        initial: float,
        maximum: float,
        multiplier: float,
        random: Callable[[], float],
    ) -> None:
        """Begin at ``initial`` seconds; ``random`` gives numbers from 0 to 1."""
        self._initial = initial
        self._maximum = maximum
        self._multiplier = multiplier
        self._random = random
        self._ceiling = initial

    def reset(self) -> None:
        """Begin anew: the destination has answered."""
        self._ceiling = self._initial

    def next(self, *, at_least: float | None = None) -> float:
        """Return the seconds to wait before the next attempt, and lengthen the one after it."""
        delay = min(self._ceiling, self._maximum) * self._random()
        self._ceiling = min(self._ceiling * self._multiplier, self._maximum)
        return max(delay, _asked_for(at_least))

    def after(self, attempts: int, *, at_least: float | None = None) -> float:
        """Return the seconds to wait after so many attempts of one record; changes nothing."""
        ceiling = self._initial
        for _ in range(attempts - 1):
            if ceiling >= self._maximum:
                break
            ceiling *= self._multiplier
        return max(min(ceiling, self._maximum) * self._random(), _asked_for(at_least))

    def longest(self, *, at_least: float | None = None) -> float:
        """Return a delay between half the maximum and the maximum: somebody must mend it first."""
        self._ceiling = self._maximum
        return max(self._maximum * (1 + self._random()) / 2, _asked_for(at_least))
