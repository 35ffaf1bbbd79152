"""The caller's trace context travels with the event."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from experimentframework_core.testing import FaultyBackplane, make_exposure
from tests.core._planes import envelopes, opened, sunk

trace = pytest.importorskip("opentelemetry.trace")
CONTEXT = trace.SpanContext(
    trace_id=0x0AF7651916CD43DD8448EB211C80319C,
    span_id=0xB7AD6B7169203331,
    is_remote=False,
    trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_the_current_span_is_written() -> None:
    """Given a current span, when events are published inside and outside, those inside have it."""
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        await plane.publish(make_exposure())
        with trace.use_span(trace.NonRecordingSpan(CONTEXT)):
            await plane.publish(make_exposure())
            plane.publish_nowait(make_exposure())
            await asyncio.to_thread(plane.publish_threadsafe, make_exposure())
        await plane.publish(make_exposure())

    expected = [None, TRACEPARENT, TRACEPARENT, TRACEPARENT, None]
    assert [record.traceparent for record in sunk(faulty)] == expected
    assert [envelope.traceparent for envelope in envelopes(faulty)] == expected


async def test_spans_of_a_real_tracer_are_written() -> None:
    """Given the SDK's tracer, when events are published in two spans, each has its own."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    tracer = sdk.TracerProvider().get_tracer("tests")
    faulty = FaultyBackplane()
    spans = []

    async with opened(faulty) as plane:
        for _ in range(2):
            with tracer.start_as_current_span("request") as span:
                spans.append(f"{span.get_span_context().span_id:016x}")
                await plane.publish(make_exposure())

    assert [(record.traceparent or "").split("-")[2] for record in sunk(faulty)] == spans


def test_opentelemetry_is_not_loaded_for_its_own_sake() -> None:
    """Given an application without OpenTelemetry, when it publishes, then nothing imports it."""
    script = """
import asyncio, sys
from experimentframework_core import DataPlane
from experimentframework_core.testing import FaultyBackplane, make_exposure
async def main():
    async with DataPlane(backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure())
asyncio.run(main())
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=250)


def test_a_tracer_that_comes_after_the_plane_is_found() -> None:
    """Given an open plane, when OpenTelemetry is looked for, then imported, then spans are seen."""
    script = """
import asyncio, importlib.util, sys
from experimentframework_core import DataPlane
from experimentframework_core.testing import Sink, make_exposure, make_outcome
async def main():
    faulty = Sink()
    async with DataPlane(backplane=faulty) as plane:
        await plane.publish(make_exposure())
        await plane.publish(make_exposure())
        assert importlib.util.find_spec("opentelemetry.trace")
        await plane.publish(make_exposure())
        assert "opentelemetry.trace" not in sys.modules
        from opentelemetry import trace
        context = trace.SpanContext(1, 2, False, trace.TraceFlags(1))
        with trace.use_span(trace.NonRecordingSpan(context)):
            await plane.publish(make_exposure())
            await plane.publish(make_outcome())
        await plane.publish(make_exposure())
    print([record.traceparent for record in faulty.records])
    print(plane.statistics().accepted)
    print([each for each in sys.meta_path if "experimentframework" in type(each).__module__])
asyncio.run(main())
"""

    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=250
    )

    has = "00-00000000000000000000000000000001-0000000000000002-01"
    assert result.stdout.splitlines() == [str([None, None, None, has, has, None]), "6", "[]"]


async def test_a_closed_plane_watches_no_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a plane without OpenTelemetry, when it is closed, then its watch ends too."""
    monkeypatch.setattr("experimentframework_core._plane.routing.traceparent_source", lambda: None)
    before = list(sys.meta_path)

    async with opened(FaultyBackplane()):
        during = list(sys.meta_path)

    assert (len(during), sys.meta_path) == (len(before) + 1, before)
