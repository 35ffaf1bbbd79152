"""Deliveries are counted in buckets."""

from __future__ import annotations

from experimentframework_core._metrics.deliveries import Deliveries, Histogram
from experimentframework_core._metrics.measurement import Distribution


def test_a_value_falls_into_the_first_bucket_that_holds_it() -> None:
    """Given bounds, when values at and around them come, then a bound belongs below itself."""
    histogram = Histogram((1.0, 5.0))

    for value in (0.5, 1.0, 1.5, 5.0, 6.0):
        histogram.record(value)

    assert histogram.seen() == Distribution((2, 2, 1), 14.0)


def test_a_delivery_is_counted_by_backplane_and_outcome() -> None:
    """Given deliveries that end differently, when measured, then durations are kept apart."""
    deliveries = Deliveries()

    deliveries.record("kafka", 500, 0.2, "delivered")
    deliveries.record("kafka", 500, 0.3, "failed")

    found = {
        (each.metric.name, each.attributes): sum(each.value.counts)
        for each in deliveries.measured()
        if isinstance(each.value, Distribution)
    }
    assert found == {
        ("experimentframework.delivery.duration", ("kafka", "delivered")): 1,
        ("experimentframework.delivery.duration", ("kafka", "failed")): 1,
        ("experimentframework.batch.size", ("kafka",)): 2,
    }
