"""How long deliveries took and how large they were: counted in buckets, once for each batch."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Literal, TypeAlias

from experimentframework_core._metrics.measurement import Distribution, Measurement
from experimentframework_core._metrics.table import BATCH_SIZE, DURATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._metrics.measurement import Values
    from experimentframework_core._metrics.table import Metric

Outcome: TypeAlias = Literal["delivered", "partial", "failed"]
"""What became of a batch: all of it confirmed, some of it, or nothing."""


class Histogram:
    """Counts values in buckets."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        """Count by these upper bounds, and what is above the last one."""
        self._buckets = buckets
        self._counts = [0] * (len(buckets) + 1)
        self._total = 0.0

    def record(self, value: float) -> None:
        """Count a value; one that equals a bound belongs below it."""
        self._counts[bisect_left(self._buckets, value)] += 1
        self._total += value

    def seen(self) -> Distribution:
        """Return what was counted so far."""
        return Distribution(tuple(self._counts), self._total)


class Deliveries:
    """The histograms of one plane."""

    def __init__(self) -> None:
        """Begin with nothing delivered."""
        self._histograms: dict[tuple[Metric, Values], Histogram] = {}

    def record(self, backplane: str, size: int, seconds: float, outcome: Outcome) -> None:
        """Count a delivery of ``size`` events."""
        self._of(DURATION, (backplane, outcome)).record(seconds)
        self._of(BATCH_SIZE, (backplane,)).record(size)

    def _of(self, metric: Metric, attributes: Values) -> Histogram:
        key = metric, attributes
        if key not in self._histograms:
            self._histograms[key] = Histogram(metric.buckets)
        return self._histograms[key]

    def measured(self) -> Iterator[Measurement]:
        """Yield what was counted so far."""
        for (metric, attributes), histogram in tuple(self._histograms.items()):
            yield Measurement(metric, attributes, histogram.seen())
