"""Measurements of several planes become one for each metric and set of attributes."""

from __future__ import annotations

from experimentframework_core._metrics.measurement import Distribution, Measurement, combined
from experimentframework_core._metrics.table import BATCH_SIZE, BUFFERED, HEALTH, OLDEST_AGE


def test_numbers_are_put_together_as_their_metric_wants() -> None:
    """Given two of each metric, when combined, then there is the sum, the highest, the lowest."""
    measurements = [
        Measurement(metric, ("kafka",), value)
        for metric in (BUFFERED, OLDEST_AGE, HEALTH)
        for value in (3, 1)
    ]

    found = {each.metric.name.rpartition(".")[2]: each.value for each in combined(measurements)}

    assert found == {"events": 4, "oldest_age": 3, "health": 1}


def test_other_attributes_stay_apart() -> None:
    """Given one metric of two backplanes, when combined, then both are there, in order."""
    measurements = [Measurement(BUFFERED, (name,), 1) for name in ("sqlite", "kafka")]

    found = combined(measurements)

    assert found == measurements[::-1]


def test_histograms_are_added_bucket_by_bucket() -> None:
    """Given what two histograms saw, when combined, then counts and totals are added."""
    seen = [Distribution((1, 0, 2), 7.5), Distribution((0, 1, 1), 2.0)]

    (found,) = combined(Measurement(BATCH_SIZE, ("kafka",), each) for each in seen)

    assert found.value == Distribution((1, 1, 3), 9.5)
