"""Spans of consumers, linked to those of publishers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from experimentframework_core.testing import FaultyBackplane, make_envelope, make_exposure
from experimentframework_core.tracing import linked_span, span_context, span_link
from tests.core._planes import envelopes, opened

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def test_a_link_to_where_an_event_was_published() -> None:
    """Given an event of a trace, When its link is made, Then it names that span."""
    envelope = make_envelope(traceparent=TRACEPARENT)

    link = span_link(envelope)

    assert link is not None
    assert f"{link.context.trace_id:032x}" == TRACE_ID
    assert f"{link.context.span_id:016x}" == "b7ad6b7169203331"
    assert link.context.is_remote


@pytest.mark.parametrize("traceparent", [None, "nonsense"])
def test_no_link_without_a_trace(traceparent: str | None) -> None:
    """Given an event of no trace, When its link is made, Then there is none."""
    link = span_link(make_envelope(traceparent=traceparent))

    assert link is None


def test_flags_are_kept() -> None:
    """Given a trace that is not sampled, When its context is made, Then it is not sampled."""
    context = span_context(TRACEPARENT[:-1] + "0")

    assert context is not None
    assert not context.trace_flags.sampled


async def test_what_is_read_is_linked_to_what_was_published(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    """Given events of two requests, When they are handled, Then the span has a link to each."""
    tracer = provider.get_tracer("tests")
    faulty = FaultyBackplane()
    async with opened(faulty) as plane:
        for request in ("first", "second"):
            with tracer.start_as_current_span(request):
                await plane.publish(make_exposure())
                await plane.publish(make_exposure())
        await plane.publish(make_exposure())

    with linked_span(tracer, "count exposures", envelopes(faulty)):
        pass

    first, second, span = exporter.get_finished_spans()
    assert span.kind is SpanKind.CONSUMER
    assert [link.context.span_id for link in span.links] == [
        each.context.span_id for each in (first, second)
    ]
    assert span.attributes == {"messaging.batch.message_count": 5}


def test_the_span_of_one_event_names_it(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    """Given one event of no trace, When it is handled, Then the span has its id, and no link."""
    with linked_span(provider.get_tracer("tests"), "mail", [make_envelope(event_id="e-1")]):
        pass

    (span,) = exporter.get_finished_spans()
    assert span.attributes == {"messaging.batch.message_count": 1, "dataplane.event.id": "e-1"}
    assert span.links == ()


def test_an_error_of_the_consumer_is_the_span_s(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    """Given a consumer that fails, When its span ends, Then it says so, and the error goes on."""
    tracer = provider.get_tracer("tests")

    with pytest.raises(LookupError), linked_span(tracer, "count", [make_envelope()]):
        raise LookupError

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR


def test_without_opentelemetry_the_message_says_what_to_install() -> None:
    """Given no OpenTelemetry, When the module is imported, Then the error says what brings it."""
    script = (
        "import sys; sys.modules['opentelemetry'] = None; import experimentframework_core.tracing"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=250
    )

    assert result.returncode == 1
    assert 'pip install "experimentframework[opentelemetry]"' in result.stderr
