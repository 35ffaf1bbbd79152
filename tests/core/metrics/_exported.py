"""Planes that export their metrics, and what of them is exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from experimentframework_core import DataPlane
from tests.core._planes import Backplanes, options

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider

    from experimentframework_core.testing import FaultyBackplane

PREFIX = "experimentframework."


def points(reader: InMemoryMetricReader) -> dict[tuple[str, ...], Any]:
    """Return what is exported: values by the metric's short name and its attributes."""
    data = reader.get_metrics_data()
    return {
        (metric.name.removeprefix(PREFIX), *map(str, point.attributes.values())): (
            point.value if isinstance(point, NumberDataPoint) else point.count
        )
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if point.attributes is not None
    }


def named(name: str, faulty: FaultyBackplane, provider: MeterProvider, **more: Any) -> DataPlane:
    """Return a plane with one backplane of that name."""
    backplanes = Backplanes(**{name: faulty})
    return DataPlane(
        options(backplane=backplanes.node(name), flush_interval_ms=1, **more),
        backplane=backplanes.plugin,
        meter_provider=provider,
    )
