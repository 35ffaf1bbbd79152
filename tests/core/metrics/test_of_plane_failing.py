"""What goes wrong with OpenTelemetry does not reach the plane."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)

from experimentframework_core._metrics.instruments import SCOPE
from experimentframework_core.testing import FaultyBackplane, make_exposure, make_outcome
from tests.core.metrics._exported import named, points


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
