"""A plane is measured by OpenTelemetry, and nothing that goes wrong there reaches it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    NumberDataPoint,
    PeriodicExportingMetricReader,
)

from experimentframework_core import DataPlane
from experimentframework_core._metrics import of_plane
from experimentframework_core._metrics.instruments import SCOPE
from experimentframework_core._metrics.of_plane import PlaneMetrics
from experimentframework_core._metrics.table import METRICS
from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.status import Health, HealthStatus, Statistics
from experimentframework_core.testing import FaultyBackplane, fail, make_exposure, make_outcome
from tests.core._planes import Backplanes, options

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "experimentframework."


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    """Return a provider that ``reader`` reads."""
    provider = MeterProvider([reader])
    yield provider
    provider.shutdown()


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


async def test_a_name_clash_leaves_metrics_off(
    reader: InMemoryMetricReader, provider: MeterProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a gauge with one of our names in our meter, then a warning says so; events go on."""
    from experimentframework_core._metrics.instruments import _version

    provider.get_meter(SCOPE, _version()).create_gauge("experimentframework.events.delivered")
    faulty = FaultyBackplane()

    async with named("shop", faulty, provider) as plane:
        await plane.publish(make_exposure(), ack="delivered")

    (line,) = [each for each in caplog.records if "metrics_off" in each.message]
    assert line.levelname == "WARNING"
    assert "'experimentframework.events.delivered' is there already" in line.message
    assert points(reader) == {}
    assert plane.statistics().accepted == 1


async def test_another_meters_instrument_of_that_name_is_no_clash(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Given a gauge of the application's own meter with one of our names, then both are there."""
    gauge = provider.get_meter("shop").create_gauge("experimentframework.events.delivered")
    gauge.set(17)

    async with named("shop", FaultyBackplane(), provider) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        found = points(reader)

    assert found["events.delivered",] == 17
    assert found["events.delivered", "shop", "exposure"] == 1


async def test_an_instrument_of_another_version_of_our_meter_is_no_clash(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Given one of our names in our meter of another version, then both are there, apart."""
    gauge = provider.get_meter(SCOPE, "0.0.1").create_gauge("experimentframework.events.delivered")
    gauge.set(17)

    async with named("shop", FaultyBackplane(), provider) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        found = points(reader)

    assert found["events.delivered",] == 17
    assert found["events.delivered", "shop", "exposure"] == 1


class Broken(MeterProvider):
    """A provider that fails at once, or only when something is recorded."""

    def __init__(self, *, at_once: bool) -> None:
        super().__init__()
        self._at_once = at_once

    def get_meter(self, *arguments: Any, **keys: Any) -> Any:
        """Raise, or return a meter whose histograms raise."""
        if self._at_once:
            raise RuntimeError("no meters today")
        meter = super().get_meter(*arguments, **keys)

        class Histogram:
            def record(self, *_: object) -> None:
                raise RuntimeError("no records today")

        meter.create_histogram = lambda *_, **__: Histogram()  # type: ignore[method-assign, assignment]
        return meter


@pytest.mark.parametrize(
    ("at_once", "line"),
    [(True, "metrics_off reason='RuntimeError: no meters"), (False, "metrics_failed error='Run")],
)
async def test_a_provider_that_raises_disturbs_no_delivery(
    caplog: pytest.LogCaptureFixture, line: str, *, at_once: bool
) -> None:
    """Given a provider that raises, when events are published, then they arrive; a line says so."""
    provider = Broken(at_once=at_once)
    faulty = FaultyBackplane()

    async with named("shop", faulty, provider) as plane:
        for _ in range(3):
            await plane.publish(make_exposure(), ack="delivered")

    assert len([each for each in caplog.records if line in each.message]) == 1
    assert plane.statistics().backplanes["shop"].delivered == 3
    provider.shutdown()


class Refusing(MetricExporter):
    """An exporter that raises each time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def export(self, *_: Any, **__: Any) -> MetricExportResult:
        """Raise."""
        self.calls += 1
        raise RuntimeError("no export today")

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Do nothing."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing."""


async def test_an_exporter_that_raises_disturbs_no_delivery() -> None:
    """Given an exporter that raises in its thread, when events are published, then they arrive."""
    exporter = Refusing()
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 3_600_000)])

    async with named("shop", FaultyBackplane(), provider) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        await asyncio.to_thread(provider.force_flush)
        await plane.publish(make_exposure(), ack="delivered")

    provider.shutdown()
    assert exporter.calls >= 1
    assert plane.statistics().backplanes["shop"].delivered == 2


async def test_a_reader_in_another_thread_never_fails(
    reader: InMemoryMetricReader, provider: MeterProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Given readings all the while in a thread, when events pass, then counters only rise."""
    stop = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(points(reader).get(("events.delivered", "shop", "exposure"), 0))

    thread = threading.Thread(target=read)
    async with named("shop", FaultyBackplane(), provider) as plane:
        thread.start()
        for number in range(5_000):
            await plane.publish(make_exposure() if number % 3 else make_outcome())
        await plane.flush()
        stop.set()
        await asyncio.to_thread(thread.join)

    assert seen == sorted(seen)
    assert caplog.records == []


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


PROCESS = """
import asyncio, os, sys
from experimentframework_core import DataPlane
from experimentframework_core.testing import FaultyBackplane, make_exposure

def exported(reader):
    data = reader.get_metrics_data()
    return {
        metric.name: sum(getattr(point, "value", 0) for point in metric.data.data_points)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }

async def publish(plane):
    await plane.publish(make_exposure(), ack="delivered")

def of_sdk():
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    return reader
"""


def run(script: str) -> None:
    """Run the script in a process of its own, where warnings are errors."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROCESS + script],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_provider_may_be_set_later() -> None:
    """Given a plane that opened first, when the provider is set, then all is exported to it."""
    run("""
async def main():
    import opentelemetry.metrics
    async with DataPlane(backplane=FaultyBackplane()) as plane:
        await publish(plane)
        reader = of_sdk()
        await publish(plane)
        found = exported(reader)
        assert found["experimentframework.events.delivered"] == 2, found

asyncio.run(main())
""")


def test_opentelemetry_may_be_imported_later() -> None:
    """Given a plane that opened before its import, when it delivers again, then it is exported."""
    run("""
async def main():
    async with DataPlane(backplane=FaultyBackplane()) as plane:
        await publish(plane)
        assert not [name for name in sys.modules if name.startswith("opentelemetry")]
        reader = of_sdk()
        await publish(plane)
        found = exported(reader)
        assert found["experimentframework.events.delivered"] == 2, found

asyncio.run(main())
""")


def test_without_opentelemetry_events_are_delivered() -> None:
    """Given a process where it cannot be imported, when told to be, then the log says it is off."""
    run("""
import logging
lines = []
class Handler(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logger = logging.getLogger("experimentframework")
logger.setLevel(logging.DEBUG)
logger.addHandler(Handler())
sys.modules["opentelemetry"] = None

async def main():
    async with DataPlane(backplane=FaultyBackplane()) as plane:
        await publish(plane)
    assert plane.statistics().accepted == 1
    assert any(line.startswith("experimentframework.metrics_off reason=") for line in lines), lines

asyncio.run(main())
""")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_count_for_its_parent() -> None:
    """Given a plane that delivered, when its process forks, then the child exports none of it."""
    run("""
async def main():
    reader = of_sdk()
    async with DataPlane(backplane=FaultyBackplane()) as plane:
        await publish(plane)
        child = os.fork()
        if child == 0:
            counted = any(each.value for each in plane.measurements())
            os._exit(counted or "experimentframework.events.delivered" in exported(reader))
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert exported(reader)["experimentframework.events.delivered"] == 1

import warnings
warnings.simplefilter("ignore", DeprecationWarning)
asyncio.run(main())
""")
