"""When to leave a destination alone: a circuit breaker with half-open probes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class BreakerState(StrEnum):
    """closed: all is sent; open: nothing is; half_open: one probe is on its way."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after ``threshold`` failures in a row and then lets one probe through at a time.

    Each failed probe doubles the time until the next one, up to ``max_open`` seconds; a jitter
    of up to half of it keeps a fleet of clients from probing in step.
    """

    def __init__(
        self,
        *,
        threshold: int,
        open_for: float,
        max_open: float,
        random: Callable[[], float],
    ) -> None:
        """Begin closed; times are in seconds, ``random`` gives numbers from 0 to 1."""
        self.state = BreakerState.CLOSED
        self.retry_at = 0.0
        self._threshold = threshold
        self._open_for = open_for
        self._max_open = max_open
        self._random = random
        self._failures = 0
        self._duration = open_for

    def admits(self, now: float) -> bool:
        """Return whether a delivery may begin now; the one admitted when open is the probe."""
        if self.state is BreakerState.CLOSED:
            return True
        if now < self.retry_at:
            return False
        # Until the probe has answered, the others look again after the same time.
        self.state = BreakerState.HALF_OPEN
        self.retry_at = now + self._duration
        return True

    def probe_now(self) -> None:
        """Admit a probe at once: there may be no later time for one."""
        if self.state is BreakerState.OPEN:
            self.retry_at = 0.0

    def succeeded(self) -> None:
        """The destination answered: close."""
        self.state = BreakerState.CLOSED
        self._failures = 0
        self._duration = self._open_for

    def failed(self, now: float) -> None:
        """The destination did not answer, or refuses everything."""
        self._failures += 1
        if self.state is BreakerState.CLOSED:
            if self._failures >= self._threshold:
                self._open(now)
        elif self.state is BreakerState.HALF_OPEN or now >= self.retry_at:
            self._duration = min(self._duration * 2, self._max_open)
            self._open(now)

    def _open(self, now: float) -> None:
        self.state = BreakerState.OPEN
        self.retry_at = now + self._duration * (1 + self._random()) / 2
