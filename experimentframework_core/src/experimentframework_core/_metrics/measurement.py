"""Values of metrics, and how those of several planes are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from experimentframework_core._metrics.table import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Values: TypeAlias = "tuple[str, ...]"
"""The values of a metric's attributes, in the order of `Metric.attributes`."""


class Distribution(msgspec.Struct, frozen=True):
    """What a histogram has seen so far.

    Attributes:
        counts: How many values fell into each bucket, not added up; the last one has no bound.
        total: The sum of all values.
    """

    counts: tuple[int, ...]
    total: float

    def __add__(self, other: Distribution) -> Distribution:
        """Return both together; they have the same buckets."""
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Distribution(counts, self.total + other.total)


class Measurement(msgspec.Struct, frozen=True):
    """The value of one metric for one set of attributes.

    Attributes:
        metric: Which metric.
        attributes: The values of its attributes, in the order of `Metric.attributes`.
        value: The number; of a histogram, what it has seen.
    """

    metric: Metric
    attributes: tuple[str, ...]
    value: float | Distribution


_TOGETHER: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min}


def combined(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Return one measurement for each metric and set of attributes, in a fixed order."""
    found: dict[tuple[str, Values], Measurement] = {}
    for each in measurements:
        key = each.metric.name, each.attributes
        known = found.get(key)
        found[key] = each if known is None else _both(known, each)
    return [found[key] for key in sorted(found)]


def _both(one: Measurement, other: Measurement) -> Measurement:
    metric = one.metric
    if isinstance(one.value, Distribution) and isinstance(other.value, Distribution):
        return Measurement(metric, one.attributes, one.value + other.value)
    numbers = [each.value for each in (one, other) if not isinstance(each.value, Distribution)]
    return Measurement(metric, one.attributes, _TOGETHER[metric.together](numbers))
