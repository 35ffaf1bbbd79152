"""A plane is measured by OpenTelemetry: every metric, with what it counts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from experimentframework_core import DataPlane
from experimentframework_core._metrics import of_plane
from experimentframework_core._metrics.instruments import SCOPE
from experimentframework_core._metrics.of_plane import PlaneMetrics
from experimentframework_core._metrics.table import METRICS
from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.status import Health, HealthStatus, Statistics
from experimentframework_core.testing import FaultyBackplane, fail, make_exposure, make_outcome
from tests.core._planes import options
from tests.core.metrics._exported import named, points

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from opentelemetry.sdk.metrics import MeterProvider


async def test_fates_are_exported(reader: InMemoryMetricReader, provider: MeterProvider) -> None:
    """Given delivered and refused events, when read, then each is counted by type and reason."""
    poison = PartialBatchError({0: PermanentError("no")})

    async with named("shop", FaultyBackplane([fail(poison)]), provider) as plane:
        await plane.publish(make_exposure())
        await plane.publish(make_outcome())
        await plane.flush()
        found = points(reader)

    assert found["events.published",] == 2
    assert found["events.accepted", "exposure"] == 1
    assert found["events.delivered", "shop", "outcome"] == 1
    assert found["events.dropped", "shop", "exposure", "refused"] == 1
    assert found["delivery.duration", "shop", "partial"] == 1
    assert found["batch.size", "shop"] == 1
    assert found["backplane.health", "shop"] == 2


async def test_the_buffer_is_exported(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Given an outage, when read, then the buffer's fill, its limits and the failures are there."""
    faulty = FaultyBackplane([fail(TransientError("down"), after=None)] * 9)

    async with named("shop", faulty, provider, shutdown_timeout_ms=1) as plane:
        await plane.publish(make_exposure())
        await plane.flush(0.01)
        found = points(reader)

    assert found["buffer.events", "shop"] == 1
    assert found["buffer.bytes", "shop"] > 400
    assert found["buffer.max_events", "shop"] == 10_000
    assert found["buffer.oldest_age", "shop"] >= 0
    assert found["events.retried", "shop"] >= 1
    assert found["delivery.duration", "shop", "failed"] >= 1
    assert found["backplane.health", "shop"] == 1


async def test_every_metric_of_the_table_is_exported_and_no_other(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Given a plane that delivered, when read, then name, unit and description are the table's."""
    async with named("shop", FaultyBackplane(), provider) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        data = reader.get_metrics_data()

    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    assert scope.scope.name == SCOPE
    assert {(each.name, each.unit, each.description) for each in scope.metrics} == {
        (each.name, each.unit, each.description) for each in METRICS
    }


async def test_buckets_are_those_of_the_table(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Given a delivery, when read, then the histograms have the table's bounds."""
    async with named("shop", FaultyBackplane(), provider) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        data = reader.get_metrics_data()

    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    found = {
        each.name: tuple(point.explicit_bounds)
        for each in scope.metrics
        for point in each.data.data_points
        if isinstance(point, HistogramDataPoint)
    }
    assert found == {each.name: each.buckets for each in METRICS if each.kind == "histogram"}


async def test_counters_stay_after_the_end(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Given a closed plane, when another delivers, then the counters go on, the gauges do not."""
    async with named("shop", FaultyBackplane(), provider) as first:
        await first.publish(make_exposure(), ack="delivered")
    after_first = points(reader)

    async with named("till", FaultyBackplane(), provider) as second:
        await second.publish(make_exposure(), ack="delivered")
    after_second = points(reader)

    assert after_first["events.delivered", "shop", "exposure"] == 1
    assert after_second["events.delivered", "shop", "exposure"] == 1
    assert after_second["events.published",] == 2
    assert ("buffer.events", "shop") not in after_first


async def test_two_planes_are_counted_together(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Given two open planes, when read, then same names are added and nothing is counted twice."""
    async with (
        named("shop", FaultyBackplane(), provider) as one,
        named("shop", FaultyBackplane(), provider) as other,
    ):
        for plane in (one, other, other):
            await plane.publish(make_exposure(), ack="delivered")
        found = points(reader)

    assert found["events.delivered", "shop", "exposure"] == 3
    assert found["buffer.max_events", "shop"] == 20_000
    assert found["batch.size", "shop"] == 3


def test_what_changes_while_it_is_read_is_read_again() -> None:
    """Given statistics that fail as a changed dict does, when counted, then they are read again."""
    answers: Iterator[Exception | Statistics] = iter(
        [RuntimeError("dictionary changed size"), Statistics(published=7)]
    )

    def statistics() -> Statistics:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    health = Health(HealthStatus.HEALTHY, "")
    metrics = PlaneMetrics(statistics, lambda: health, None)

    counted = {each.metric.name: each.value for each in metrics.counted()}

    assert counted["experimentframework.events.published"] == 7


def test_what_changes_all_the_time_is_told_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given statistics that can be read only once, when counted again, then nothing falls."""
    monkeypatch.setattr(of_plane, "LOOKS", 3)
    answers = iter([Statistics(published=7)])

    def statistics() -> Statistics:
        for answer in answers:
            return answer
        raise RuntimeError("dictionary changed size")

    health = Health(HealthStatus.HEALTHY, "")
    metrics = PlaneMetrics(statistics, lambda: health, None)
    first = metrics.counted()

    again = metrics.counted()

    assert again == first


async def test_measurements_need_no_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an application without OpenTelemetry, when measured, then all values are there."""
    monkeypatch.delitem(sys.modules, "opentelemetry.metrics")
    async with DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure(), ack="delivered")

        names = {each.metric.name for each in plane.measurements()}

    assert names == {metric.name for metric in METRICS}


async def test_before_it_opens_a_plane_has_nothing_but_its_own_counters() -> None:
    """Given a plane that is not open, when measured, then it says so without failing."""
    plane = DataPlane(options(), backplane=FaultyBackplane())

    measurements = plane.measurements()

    assert all(each.value == 0 for each in measurements)
    assert "backplane" not in {name for each in measurements for name in each.metric.attributes}
