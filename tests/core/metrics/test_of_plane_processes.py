"""OpenTelemetry that comes late, never, or only in the parent: each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
