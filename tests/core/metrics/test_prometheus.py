"""A registry of prometheus_client has the metrics of planes, under the names of OpenTelemetry."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from experimentframework_core import DataPlane
from experimentframework_core.metrics import METRICS, PrometheusCollector
from experimentframework_core.testing import FaultyBackplane, make_exposure
from tests.core._planes import options

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family


def registry_of(collector: PrometheusCollector) -> CollectorRegistry:
    """Return a registry with the collector."""
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def families_of(registry: CollectorRegistry) -> dict[str, Family]:
    """Return what a scrape of the registry gives, parsed."""
    text = generate_latest(registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


async def test_a_scrape_has_every_metric() -> None:
    """Given a plane that delivered, when scraped, then the text parses and has the whole table."""
    async with DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure(), ack="delivered")

        families = families_of(registry_of(PrometheusCollector(plane)))

    delivered = families["experimentframework_events_delivered"].samples
    assert set(families) == {each.prometheus_name.removesuffix("_total") for each in METRICS}
    assert [(each.labels, each.value) for each in delivered] == [
        ({"backplane": "FaultyBackplane", "event_type": "exposure"}, 1.0)
    ]


async def test_it_says_the_same_as_opentelemetrys_exporter() -> None:
    """Given both on one plane, when scraped, then names, labels, help and values are the same."""
    theirs = CollectorRegistry()
    reader = PrometheusMetricReader(
        registry=theirs, scope_info_enabled=False, disable_target_info=True
    )
    provider = MeterProvider([reader])
    plane = DataPlane(
        options(flush_interval_ms=1), backplane=FaultyBackplane(), meter_provider=provider
    )
    async with plane:
        await plane.publish(make_exposure(), ack="delivered")

        said = [generate_latest(each) for each in (registry_of(PrometheusCollector(plane)), theirs)]

    provider.shutdown()
    assert sorted(said[0].splitlines()) == sorted(said[1].splitlines())


async def test_several_planes_are_put_together() -> None:
    """Given a plane, one that is not there yet, and a function, then what is there is added."""
    first = DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane())
    second = DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane())
    async with first, second:
        for plane in (first, second, second):
            await plane.publish(make_exposure(), ack="delivered")
        collector = PrometheusCollector(first, lambda: second, lambda: None)

        families = families_of(registry_of(collector))

    (delivered,) = families["experimentframework_events_delivered"].samples
    assert delivered.value == 3


async def test_a_plane_that_is_named_twice_is_counted_once() -> None:
    """Given one plane in two ways, when scraped, then its events are not doubled."""
    async with DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        collector = PrometheusCollector(plane, plane, lambda: plane)

        families = families_of(registry_of(collector))

    (delivered,) = families["experimentframework_events_delivered"].samples
    assert delivered.value == 1


def test_a_function_that_raises_leaves_the_other_metrics() -> None:
    """Given a plane that cannot be had yet, when scraped, then what else is there is there."""

    def missing() -> DataPlane:
        raise LookupError("not opened yet")

    registry = registry_of(PrometheusCollector(missing))
    Gauge("shop_orders", "The application's own.", registry=registry).set(3)

    families = families_of(registry)

    assert families["shop_orders"].samples[0].value == 3


def test_what_is_no_plane_is_refused() -> None:
    """Given something else, when a collector is made, then the error says what is taken."""
    with pytest.raises(TypeError, match="planes or functions that return one: 5"):
        PrometheusCollector(5)  # type: ignore[arg-type]  # that is the point


async def test_the_end_values_stay() -> None:
    """Given a closed plane, when scraped, then its counters are those of the end."""
    async with DataPlane(options(), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure())

    families = families_of(registry_of(PrometheusCollector(plane)))

    (delivered,) = families["experimentframework_events_delivered"].samples
    assert delivered.value == 1


async def test_scrapes_of_another_thread_read_true_values() -> None:
    """Given a scrape in a thread, when the loop goes on, then it reads what there is."""
    found: list[float] = []
    async with DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        registry = registry_of(PrometheusCollector(plane))

        def scrape() -> None:
            families = families_of(registry)
            found.append(families["experimentframework_events_delivered"].samples[0].value)

        thread = threading.Thread(target=scrape)
        thread.start()
        thread.join()

    assert found == [1.0]


def test_a_registry_refuses_a_name_that_it_has() -> None:
    """Given a registry with one of our names, when ours is registered, then it says which."""
    registry = CollectorRegistry()
    Gauge("experimentframework_buffer_events", "The application's own.", registry=registry)

    with pytest.raises(ValueError, match="experimentframework_buffer_events"):
        registry.register(PrometheusCollector())


def test_without_its_extra_it_says_what_to_install() -> None:
    """Given no prometheus_client, when it is asked for, then the error names the extra."""
    script = """
import sys
sys.modules["prometheus_client"] = None
sys.modules["prometheus_client.core"] = None
from experimentframework_core import metrics
try:
    metrics.PrometheusCollector
except ModuleNotFoundError as error:
    assert str(error).endswith('pip install "experimentframework[prometheus]"'), error
else:
    raise SystemExit("it was imported")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=250)


def test_without_its_extra_all_else_can_be_imported() -> None:
    """Given no prometheus_client, when all names are imported, then those that need none come."""
    script = """
import sys
sys.modules["prometheus_client"] = None
from experimentframework_core.metrics import *
assert METRICS
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=250)
