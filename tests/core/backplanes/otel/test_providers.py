"""Without an endpoint: the application's own providers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from experimentframework_core.backplanes.opentelemetry import (
    OpenTelemetryOptions,
    open_open_telemetry,
    plugin,
)
from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.events import ExperimentError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import BackplaneConformance, make_record, make_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experimentframework_core.envelope import Record

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
CONTEXT = OpenContext(name="otel")

HANGS = """
import asyncio, time
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core.testing import make_exposure

class Hanging(SpanProcessor):
    def on_end(self, span):
        time.sleep(3600)

provider = TracerProvider()
provider.add_span_processor(Hanging())
trace.set_tracer_provider(provider)
node = BackplaneOptions(type="openTelemetry")
options = DataPlaneOptions(flush_interval_ms=1, shutdown_timeout_ms=200, backplane=node)

async def main():
    async with DataPlane(options) as plane:
        await plane.publish(make_exposure())
    print(plane.closing.remaining)

asyncio.run(main())
"""


class Spans(InMemorySpanExporter):
    """Keeps spans, and in which thread they were exported."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()

    def export(self, spans: Any) -> Any:
        self.threads.add(threading.current_thread().name)
        return super().export(spans)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Set a tracer provider for this test; OpenTelemetry would keep the first one for ever."""
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield provider
    provider.shutdown()


@pytest.fixture
def spans(provider: TracerProvider) -> Spans:
    """Keep the spans of that provider."""
    exporter = Spans()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryLogRecordExporter]:
    """Set a logger provider for this test."""
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # has no types
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


async def deliver(options: OpenTelemetryOptions, *records: Record) -> None:
    """Deliver as a channel does."""
    async with open_open_telemetry(options, CONTEXT) as backplane:
        await backplane.deliver(records)


async def test_an_event_is_a_span_of_the_application(spans: Spans) -> None:
    """Given an event of a request, When it is delivered, Then its span is below the request's."""
    record = make_record(traceparent=TRACEPARENT)

    await deliver(OpenTelemetryOptions(), record)

    (span,) = spans.get_finished_spans()
    assert span.name == "exposure checkout"
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE_ID
    assert f"{span.parent.span_id:016x}" == SPAN_ID
    assert span.start_time == span.end_time == record.timestamp_ns
    assert dict(span.attributes or {})["dataplane.event.id"] == record.event_id
    assert span.status.status_code is StatusCode.UNSET


async def test_an_event_of_no_trace_is_its_own(spans: Spans) -> None:
    """Given a span around the delivery, When an event has none, Then that is not its parent."""
    tracer = trace.get_tracer("tests")

    with tracer.start_as_current_span("around"):
        await deliver(OpenTelemetryOptions(), make_record())

    event, _ = spans.get_finished_spans()
    assert event.parent is None


async def test_an_error_event_is_a_failed_span(spans: Spans) -> None:
    """Given an error event, When it is delivered, Then the span's status is an error."""
    error = ExperimentError(experiment_name="checkout", error_type="ValueError", message="no price")

    await deliver(OpenTelemetryOptions(), make_record(error))

    (span,) = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no price")


async def test_the_application_s_sampling_holds(spans: Spans) -> None:
    """Given a trace that is not sampled, When its event is delivered, Then it has no span."""
    record = make_record(traceparent=TRACEPARENT[:-1] + "0")

    await deliver(OpenTelemetryOptions(), record)

    assert spans.get_finished_spans() == ()


async def test_an_event_is_a_log_record(logs: InMemoryLogRecordExporter) -> None:
    """Given an event of a request, When logs are wanted, Then it is a line of that request."""
    record = make_record(traceparent=TRACEPARENT)

    await deliver(OpenTelemetryOptions(traces=False, logs=True), record)

    (log,) = [each.log_record for each in logs.get_finished_logs()]
    assert log.event_name == "experimentframework.exposure"
    assert str(log.body).encode() == record.body
    assert log.timestamp == record.timestamp_ns
    assert f"{log.trace_id:032x}" == TRACE_ID
    assert log.severity_text == "INFO"


async def test_the_loop_s_thread_exports_nothing(spans: Spans) -> None:
    """Given a processor that exports at once, When a batch is delivered, Then a thread waits."""
    await deliver(OpenTelemetryOptions(), *make_records(3))

    assert len(spans.get_finished_spans()) == 3
    assert threading.current_thread().name not in spans.threads


@pytest.mark.parametrize(("what", "traces"), [("tracer", True), ("logger", False)])
async def test_events_wait_for_a_provider(
    monkeypatch: pytest.MonkeyPatch, what: str, *, traces: bool
) -> None:
    """Given no provider, When a batch is delivered, Then it waits, and the reason says for what."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", None)

    with pytest.raises(TransientError, match=f"set no {what} provider; call .*, or say") as caught:
        await deliver(OpenTelemetryOptions(traces=traces, logs=not traces), make_record())

    # UnavailableError would be tried again at the longest pause only.
    assert type(caught.value) is TransientError


class Watching(SpanProcessor):
    """Does what it is told at the end of each span."""

    def __init__(self, act: Callable[[str], None]) -> None:
        self._act = act

    def on_end(self, span: Any) -> None:
        self._act(span.attributes["dataplane.event.id"])


async def test_a_processor_that_raises_costs_its_event_only(
    spans: Spans, provider: TracerProvider
) -> None:
    """Given a processor that raises at one event, When it is told, Then the others came once."""
    records = make_records(3)

    def act(event_id: str) -> None:
        if event_id == records[1].event_id:
            raise RuntimeError("processor broken")

    provider.add_span_processor(Watching(act))

    with pytest.raises(PartialBatchError) as caught:
        await deliver(OpenTelemetryOptions(), *records)

    assert list(caught.value.failures) == [1]
    assert type(caught.value.failures[1]) is PermanentError
    assert "provider raised RuntimeError: processor broken" in str(caught.value)
    assert len(spans.get_finished_spans()) == 3


async def test_a_batch_that_was_given_up_ends_with_the_event_under_way(
    spans: Spans, provider: TracerProvider
) -> None:
    """Given a processor that hangs, When the delivery is cancelled, Then no event follows."""
    begun, release = threading.Event(), threading.Event()

    def act(_event_id: str) -> None:
        begun.set()
        release.wait()

    provider.add_span_processor(Watching(act))
    async with open_open_telemetry(OpenTelemetryOptions(), CONTEXT) as backplane:
        delivery = asyncio.ensure_future(backplane.deliver(make_records(3)))
        await asyncio.to_thread(begun.wait)

        delivery.cancel()
        await asyncio.wait([delivery])
        # The next delivery waits for the thread, which is through with the first then.
        next_one = asyncio.ensure_future(backplane.deliver(make_records(1)))
        release.set()
        await next_one

    assert delivery.cancelled()
    assert len(spans.get_finished_spans()) == 2


def test_a_processor_that_hangs_keeps_no_process_alive() -> None:
    """Given a processor that never returns, When the plane has closed, Then the process ends."""
    found = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=250, check=True
    )

    assert found.stdout == "1\n"


class TestConformance(BackplaneConformance[OpenTelemetryOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, spans: Spans, logs: InMemoryLogRecordExporter) -> OpenTelemetryOptions:
        self.logs = logs
        return OpenTelemetryOptions(logs=True)

    async def delivered(self, options: OpenTelemetryOptions) -> list[bytes]:
        return [str(log.log_record.body).encode() for log in self.logs.get_finished_logs()]
