"""The backplane that hands events to the application's own providers; they export them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from opentelemetry import _logs, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from experimentframework_core.backplanes._otel.attributes import describe
from experimentframework_core.backplanes._otel.scope import EVENT_NAMES, SCOPE, version
from experimentframework_core.errors import UnavailableError
from experimentframework_core.tracing import span_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions
    from experimentframework_core.envelope import Record


class ProviderBackplane:
    """Makes a span, a log record or both of each event, by the providers of the process.

    Their processors may be slow: one that exports at once waits for the network. So they are
    called in a thread, one batch after the other.
    """

    def __init__(self, options: OpenTelemetryOptions) -> None:
        """Store what is wanted; the providers are asked for at each batch."""
        self._options = options
        self._executor = ThreadPoolExecutor(1, "experimentframework-opentelemetry")

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return once the providers have been given the batch; they confirm nothing."""
        if not batch:
            return
        await self.ping()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._hand_over, batch)

    async def ping(self) -> None:
        """Return if the application has set the providers that are needed.

        Raises:
            UnavailableError: It has not; the events wait until it has.
        """
        if self._options.traces and isinstance(
            trace.get_tracer_provider(), trace.ProxyTracerProvider
        ):
            raise UnavailableError(_unset("tracer", "opentelemetry.trace.set_tracer_provider"))
        if self._options.logs and _is_proxy(_logs.get_logger_provider()):
            raise UnavailableError(_unset("logger", "opentelemetry._logs.set_logger_provider"))

    def close(self) -> None:
        """Let the thread end by itself: what it is doing cannot be stopped."""
        self._executor.shutdown(wait=False)

    def _hand_over(self, batch: Sequence[Record]) -> None:
        if self._options.traces:
            tracer = trace.get_tracer(SCOPE, version())
            for record in batch:
                _make_span(tracer, record)
        if self._options.logs:
            logger = _logs.get_logger(SCOPE, version())
            for record in batch:
                _write_log(logger, record)


def _is_proxy(provider: object) -> bool:
    # OpenTelemetry exports no name for what stands where no provider was set.
    return type(provider).__name__ == "ProxyLoggerProvider"


def _unset(what: str, setter: str) -> str:
    return (
        f"cannot hand events to OpenTelemetry: the application has set no {what} provider;"
        f" call {setter}(…), or say endpoint"
    )


def _make_span(tracer: trace.Tracer, record: Record) -> None:
    event = describe(record)
    span = tracer.start_span(
        event.name,
        context=_context(record),
        kind=SpanKind.INTERNAL,
        attributes=event.attributes,
        start_time=event.time_ns,
    )
    if event.problem is not None:
        span.set_status(Status(StatusCode.ERROR, event.problem))
    span.end(event.time_ns)


def _write_log(logger: _logs.Logger, record: Record) -> None:
    event = describe(record)
    logger.emit(
        _logs.LogRecord(
            timestamp=event.time_ns,
            context=_context(record),
            severity_number=_logs.SeverityNumber(event.severity),
            severity_text=_logs.SeverityNumber(event.severity).name,
            body=record.body.decode(),
            attributes=event.attributes,
            event_name=EVENT_NAMES + record.event_type,
        )
    )


def _context(record: Record) -> Context:
    """Return the context in which the event was published, for what is made of it now."""
    context = span_context(record.traceparent)
    if context is None:
        return Context()
    return trace.set_span_in_context(trace.NonRecordingSpan(context), Context())


@asynccontextmanager
async def open_providers(options: OpenTelemetryOptions) -> AsyncIterator[ProviderBackplane]:
    """Give a backplane for the providers of the process."""
    backplane = ProviderBackplane(options)
    try:
        yield backplane
    finally:
        backplane.close()
