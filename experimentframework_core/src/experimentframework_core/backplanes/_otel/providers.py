"""The backplane that hands events to the application's own providers; they export them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from opentelemetry import _logs, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from experimentframework_core._log import brief
from experimentframework_core._own_thread import OwnThread
from experimentframework_core.backplanes._otel.attributes import describe
from experimentframework_core.backplanes._otel.scope import EVENT_NAMES, SCOPE, version
from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.tracing import span_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.backplanes._otel.attributes import Described
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
        self._thread = OwnThread("experimentframework-opentelemetry")

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return once the providers have been given the batch; they confirm nothing.

        Raises:
            PartialBatchError: A processor raised when it was given these events. The others before
                it have had them, so they are not given again.
        """
        if not batch:
            return
        await self.ping()
        given_up = Event()
        try:
            failures = await self._thread.run(partial(self._hand_over, batch, given_up))
        finally:
            given_up.set()
        if failures:
            raise PartialBatchError(failures)

    async def ping(self) -> None:
        """Return if the application has set the providers that are needed.

        Raises:
            TransientError: It has not; the events wait until it has, which may be in a moment.
        """
        if self._options.traces and isinstance(
            trace.get_tracer_provider(), trace.ProxyTracerProvider
        ):
            raise TransientError(_unset("tracer", "opentelemetry.trace.set_tracer_provider"))
        if self._options.logs and _is_proxy(_logs.get_logger_provider()):
            raise TransientError(_unset("logger", "opentelemetry._logs.set_logger_provider"))

    def close(self) -> None:
        """Let the thread end by itself: what it is doing cannot be stopped."""
        self._thread.close()

    def _hand_over(self, batch: Sequence[Record], given_up: Event) -> dict[int, PermanentError]:
        """Give each event to the providers, until nobody waits for it; return what they raise."""
        tracer = trace.get_tracer(SCOPE, version()) if self._options.traces else None
        logger = _logs.get_logger(SCOPE, version()) if self._options.logs else None
        failures = {}
        for index, (record, event) in enumerate([(each, describe(each)) for each in batch]):
            if given_up.is_set():
                break
            try:
                if tracer is not None:
                    _make_span(tracer, record, event)
                if logger is not None:
                    _write_log(logger, record, event)
            except Exception as error:  # noqa: BLE001 - the application's processors raise anything
                failures[index] = PermanentError(_raised(error))
        return failures


def _raised(error: Exception) -> str:
    return (
        "cannot hand an event to OpenTelemetry: a processor of the application's provider"
        f" raised {brief(error)}"
    )


def _is_proxy(provider: object) -> bool:
    # OpenTelemetry exports no name for what stands where no provider was set.
    return type(provider).__name__ == "ProxyLoggerProvider"


def _unset(what: str, setter: str) -> str:
    return (
        f"cannot hand events to OpenTelemetry: the application has set no {what} provider;"
        f" call {setter}(…), or say endpoint"
    )


def _make_span(tracer: trace.Tracer, record: Record, event: Described) -> None:
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


def _write_log(logger: _logs.Logger, record: Record, event: Described) -> None:
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
