"""Measurements for prometheus_client; needs the extra ``prometheus``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from experimentframework_core._log import logger
from experimentframework_core._metrics.measurement import Distribution, Measurement, combined
from experimentframework_core._metrics.table import METRICS, Metric

try:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    message = 'prometheus_client is missing: pip install "experimentframework[prometheus]"'
    raise ModuleNotFoundError(message, name=error.name) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Metric as Family


INFINITY = float("inf")


class Measured(Protocol):
    """Something that is measured: a `DataPlane`."""

    def measurements(self) -> Sequence[Measurement]:
        """Return the value of every metric now, from any thread."""


class PrometheusCollector(Collector):
    """Gives the metrics of data planes to a registry of prometheus_client.

    Several planes are put together, each once. Each scrape reads them anew, in the thread of the
    scrape. Metrics have the names that OpenTelemetry's exporters give them.
    """

    def __init__(self, *planes: Measured | Callable[[], Measured | None]) -> None:
        """Collect from these.

        Args:
            planes: Planes, or functions that return one, or that return None or raise as long as
                there is none.

        Raises:
            TypeError: One is neither.
        """
        for plane in planes:
            if not (callable(plane) or hasattr(plane, "measurements")):
                message = (
                    f"PrometheusCollector takes planes or functions that return one: {plane!r}"
                )
                raise TypeError(message)
        self._planes = planes

    def describe(self) -> Iterator[Family]:
        """Yield the families without values: a registry refuses names that it has already."""
        return _families(())

    def collect(self) -> Iterator[Family]:
        """Yield every family, with the values of now."""
        there = {id(plane): plane for plane in map(_there, self._planes) if plane is not None}
        return _families(
            combined(each for plane in there.values() for each in plane.measurements())
        )


def _there(plane: Measured | Callable[[], Measured | None]) -> Measured | None:
    if not callable(plane):
        return plane
    try:
        return plane()
    except Exception as error:  # noqa: BLE001 - the application is not so far, or never will be
        logger.debug("experimentframework.metrics_without_plane", error=type(error).__name__)
        return None


def _families(measurements: Iterable[Measurement]) -> Iterator[Family]:
    found: dict[str, list[Measurement]] = {metric.name: [] for metric in METRICS}
    for each in measurements:
        found[each.metric.name].append(each)
    for metric in METRICS:
        yield _family(metric, found[metric.name])


def _family(metric: Metric, measurements: Iterable[Measurement]) -> Family:
    name, labels = metric.prometheus_name, metric.attributes
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(name, metric.description, labels=labels)
        for each in measurements:
            if isinstance(each.value, Distribution):
                buckets = _buckets(metric.buckets, each.value.counts)
                histogram.add_metric(each.attributes, buckets, each.value.total)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(name, metric.description, labels=labels)
    for each in measurements:
        if not isinstance(each.value, Distribution):
            family.add_metric(each.attributes, each.value)
    return family


def _buckets(bounds: Iterable[float], counts: Iterable[int]) -> list[tuple[str, float]]:
    """Return the buckets added up, each with its upper bound."""
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*bounds, INFINITY), counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == INFINITY else str(bound), total))
    return buckets
