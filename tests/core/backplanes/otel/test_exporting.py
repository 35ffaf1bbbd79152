"""The exporter, by both protocols: what arrives, and what becomes of each answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from experimentframework_core.errors import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.events import ExperimentError
from experimentframework_core.testing import make_record, make_records
from experimentframework_core.units import Secret
from tests.core.backplanes.otel._collectors import PROTOCOLS, opened, options_for
from tests.peers.otlp import LOST, SILENCE, Answer, attributes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.otlp import Collector

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


@pytest.fixture(params=list(PROTOCOLS))
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def collector(protocol: str) -> AsyncIterator[Collector]:
    async with PROTOCOLS[protocol]() as running:
        yield running


async def test_an_event_is_a_span(collector: Collector, protocol: str) -> None:
    """Given an event of a request, When it is delivered, Then its span is below the request's."""
    record = make_record(event_id="e-1", traceparent=TRACEPARENT)

    async with opened(options_for(collector, protocol)) as backplane:
        await backplane.deliver([record])

    (span,) = collector.spans
    assert span.name == "exposure checkout"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE_ID, SPAN_ID)
    assert span.start_time_unix_nano == span.end_time_unix_nano == record.timestamp_ns
    assert span.kind == Span.SPAN_KIND_INTERNAL
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert attributes_of(span)["experiment.name"] == "checkout"


async def test_an_error_event_is_a_failed_span(collector: Collector, protocol: str) -> None:
    """Given an error event, When it is delivered, Then the span's status is an error."""
    error = ExperimentError(experiment_name="checkout", error_type="ValueError", message="no price")

    async with opened(options_for(collector, protocol)) as backplane:
        await backplane.deliver([make_record(error)])

    (span,) = collector.spans
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "no price")


async def test_an_event_is_a_log_record(collector: Collector, protocol: str) -> None:
    """Given an event of a request, When logs are wanted, Then it is a line of that request."""
    record = make_record(event_id="e-1", traceparent=TRACEPARENT)

    async with opened(options_for(collector, protocol, traces=False, logs=True)) as backplane:
        await backplane.deliver([record])

    (log,) = collector.logs
    assert collector.spans == []
    assert log.event_name == "experimentframework.exposure"
    assert log.body.string_value.encode() == record.body
    assert (log.trace_id.hex(), log.span_id.hex(), log.flags) == (TRACE_ID, SPAN_ID, 1)
    assert log.time_unix_nano == record.timestamp_ns
    assert (log.severity_number, log.severity_text) == (9, "INFO")
    assert attributes_of(log)["dataplane.event.id"] == "e-1"


async def test_spans_and_log_records(collector: Collector, protocol: str) -> None:
    """Given both are wanted, When a batch is delivered, Then each event is there twice."""
    async with opened(options_for(collector, protocol, logs=True)) as backplane:
        await backplane.deliver(make_records(120))

    assert (len(collector.spans), len(collector.logs)) == (120, 120)


async def test_a_repeated_delivery_has_the_same_ids(collector: Collector, protocol: str) -> None:
    """Given a lost answer, When the batch comes again, Then the spans are known by their ids."""
    collector.next.append(LOST)
    records = make_records(3)

    async with opened(options_for(collector, protocol)) as backplane:
        with pytest.raises(TransientError):
            await backplane.deliver(records)
        await backplane.deliver(records)

    ids = [(span.trace_id, span.span_id) for span in collector.spans]
    assert len(ids) == 6
    assert ids[:3] == ids[3:]


async def test_headers_and_resource_are_sent(collector: Collector, protocol: str) -> None:
    """Given headers and a resource, When a batch is delivered, Then the collector has both."""
    options = options_for(
        collector,
        protocol,
        headers={"Api-Key": Secret("s3cret")},
        service_name="shop",
        resource_attributes={"team": "growth"},
        compression="gzip",
    )

    async with opened(options) as backplane:
        await backplane.deliver(make_records(2))

    assert collector.headers[0]["api-key"] == "s3cret"
    assert "experimentframework" in collector.headers[0]["user-agent"]
    assert collector.resources[0].items() >= {"service.name": "shop", "team": "growth"}.items()


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Answer(503, "UNAVAILABLE", "no room", "7"), TransientError, "no room"),
        (Answer(400, "INVALID_ARGUMENT", "bad span"), PermanentError, "bad span"),
        (Answer(401, "UNAUTHENTICATED", "no key"), UnavailableError, "see headers"),
        (Answer(said="too old", rejected=2), PermanentError, "rejects 2 of 3: too old"),
        (SILENCE, TransientError, ""),
        (LOST, TransientError, ""),
    ],
    ids=["503", "400", "401", "partial", "silence", "lost"],
)
@pytest.mark.parametrize("signal", ["traces", "logs"])
async def test_answers(
    collector: Collector,
    protocol: str,
    *,
    signal: str,
    answer: Answer,
    kind: type[DeliveryError],
    said: str,
) -> None:
    """Given an answer, When a batch is delivered, Then it is that error; and the next one works."""
    collector.next.append(answer)
    options = options_for(
        collector, protocol, traces=signal == "traces", logs=signal == "logs", timeout_ms=500
    )

    async with opened(options) as backplane:
        with pytest.raises(DeliveryError) as caught:
            await backplane.deliver(make_records(3))
        await backplane.deliver(make_records(1))

    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert collector.endpoint in str(caught.value)


async def test_a_warning_of_the_collector_is_logged(
    collector: Collector, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Given an answer that takes all and says something, When it comes, Then it is logged once."""
    collector.always = Answer(said="send less often")

    async with opened(options_for(collector, protocol)) as backplane:
        for _ in range(2):
            await backplane.deliver(make_records(1))

    assert len(collector.spans) == 2
    assert caplog.text.count("experimentframework.collector_warned") == 1
    assert "said='send less often'" in caplog.text


async def test_a_warning_quotes_no_key(
    collector: Collector, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Given an answer that takes all and says the key back, When it is logged, Then without."""
    collector.always = Answer(said="slow down, s3cr3t-key")
    options = options_for(collector, protocol, headers={"api-key": Secret("s3cr3t-key")})

    async with opened(options) as backplane:
        await backplane.deliver(make_records(1))

    assert "said='slow down, ***'" in caplog.text


async def test_the_collector_s_pause_is_kept(collector: Collector, protocol: str) -> None:
    """Given an answer that asks for 7 s, When a batch is delivered, Then the error says so."""
    collector.next.append(Answer(429, "RESOURCE_EXHAUSTED", "slow down", "7"))

    async with opened(options_for(collector, protocol)) as backplane:
        with pytest.raises(TransientError) as caught:
            await backplane.deliver(make_records(1))

    assert caught.value.retry_after == 7.0


async def test_a_silent_collector_does_not_keep_the_closing(
    collector: Collector, protocol: str
) -> None:
    """Given a delivery that gets no answer, When it is cancelled, Then closing ends at once."""
    collector.always = SILENCE

    async with asyncio.timeout(30), opened(options_for(collector, protocol)) as backplane:
        delivery = asyncio.ensure_future(backplane.deliver(make_records(1)))
        await collector.asked.wait()
        delivery.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivery

    assert delivery.cancelled()


async def test_a_ping_sends_nothing(collector: Collector, protocol: str) -> None:
    """Given a collector that takes what comes, When it is pinged, Then nothing is there."""
    async with opened(options_for(collector, protocol, logs=True)) as backplane:
        await backplane.ping()

    assert (collector.spans, collector.logs) == ([], [])
    assert len(collector.headers) == 2


async def test_a_ping_shows_a_wrong_key(collector: Collector, protocol: str) -> None:
    """Given a collector that refuses the key, When it is pinged, Then that says so."""
    collector.always = Answer(403, "PERMISSION_DENIED")

    async with opened(options_for(collector, protocol)) as backplane:
        with pytest.raises(UnavailableError, match="see headers"):
            await backplane.ping()


async def test_it_is_not_traced_itself(collector: Collector, protocol: str) -> None:
    """Given instrumented clients, When a batch is delivered, Then they are told to be quiet."""
    from opentelemetry import context

    seen: list[Any] = []

    async with opened(options_for(collector, protocol)) as backplane:
        send = backplane._sender.send_traces

        async def watched(request: Any, *, doing: str) -> tuple[int, str]:
            seen.append(context.get_value("suppress_instrumentation"))
            return await send(request, doing=doing)

        backplane._sender.send_traces = watched  # type: ignore[method-assign]  # a spy
        await backplane.deliver(make_records(1))

    assert seen == [True]
    assert context.get_value("suppress_instrumentation") is None


async def test_foreign_trace_contexts_are_no_error(collector: Collector, protocol: str) -> None:
    """Given a traceparent that is none, When the event is delivered, Then it is its own trace."""
    record = make_record(traceparent="nonsense")

    async with opened(options_for(collector, protocol, logs=True)) as backplane:
        await backplane.deliver([record])

    assert collector.spans[0].parent_span_id == b""
    assert collector.logs[0].trace_id == b""
