"""The table of metrics: names that OpenTelemetry and Prometheus take, each once."""

from __future__ import annotations

import re

import pytest

from experimentframework_core._metrics.table import (
    BUFFERED_BYTES,
    DELIVERED,
    DURATION,
    METRICS,
    OLDEST_AGE,
    Metric,
)

each = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


@each
def test_a_name_is_one_that_everyone_takes(metric: Metric) -> None:
    """Given a metric, When its names are read, Then they are ours and need no escaping."""
    names = metric.name, metric.prometheus_name

    assert re.fullmatch(r"experimentframework(\.[a-z_]+){2}", names[0])
    assert re.fullmatch(r"[a-z_]+", names[1])


@each
def test_only_histograms_have_buckets(metric: Metric) -> None:
    """Given a metric, When its buckets are read, Then they rise, or it is no histogram."""
    buckets = metric.buckets

    assert bool(buckets) == (metric.kind == "histogram")
    assert list(buckets) == sorted(set(buckets))


def test_each_name_is_there_once() -> None:
    """Given the table, When its names are counted, Then none is there twice, in either spelling."""
    names = [metric.name for metric in METRICS]
    translated = [metric.prometheus_name for metric in METRICS]

    assert len(set(names)) == len(set(translated)) == len(METRICS)


def test_units_and_kinds_are_in_the_names_of_prometheus() -> None:
    """Given metrics of each unit, When translated, Then each says its unit once."""
    metrics = DELIVERED, BUFFERED_BYTES, OLDEST_AGE, DURATION

    names = [metric.prometheus_name for metric in metrics]

    assert names == [
        "experimentframework_events_delivered_total",
        "experimentframework_buffer_bytes",
        "experimentframework_buffer_oldest_age_seconds",
        "experimentframework_delivery_duration_seconds",
    ]
