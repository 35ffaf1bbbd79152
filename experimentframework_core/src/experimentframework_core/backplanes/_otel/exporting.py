"""The backplane with an exporter of its own: confirmed by a collector."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from experimentframework_core._hiding import hidden_in, hide
from experimentframework_core._log import Repeated
from experimentframework_core.backplanes._otel.errors import rejection
from experimentframework_core.backplanes._otel.requests import (
    add_log,
    add_span,
    logs_request,
    traces_request,
)
from experimentframework_core.backplanes._otel.resource import resource_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext


_events_per_turn = 50


class Sender(Protocol):
    """Sends requests of OTLP, whatever carries them.

    Both methods return how many of the request's items the collector rejects, and what it says
    of them. They raise DeliveryError where it did not take the request.
    """

    async def send_traces(
        self, request: ExportTraceServiceRequest, *, doing: str
    ) -> tuple[int, str]:
        """Send spans."""

    async def send_logs(self, request: ExportLogsServiceRequest, *, doing: str) -> tuple[int, str]:
        """Send log records."""


class OtlpBackplane:
    """Sends each event as a span, a log record or both."""

    def __init__(self, sender: Sender, options: OpenTelemetryOptions, *, name: str) -> None:
        """Send by ``sender`` what ``options`` say; ``name`` is the backplane's."""
        self._sender = sender
        self._name = name
        self._warnings = Repeated()
        self._options = options
        self._hidden = hidden_in(options)
        self._resource = resource_of(options.service_name, options.resource_attributes)

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return once the collector has confirmed the batch."""
        if batch:
            await self._send(batch, f"export {len(batch)} events to {self._options.endpoint}")

    async def ping(self) -> None:
        """Send a request without anything in it, which collectors answer as any other."""
        await self._send((), f"reach {self._options.endpoint}")

    async def _send(self, batch: Sequence[Record], doing: str) -> None:
        with _unseen():
            if self._options.traces:
                traces, spans = traces_request(self._resource)
                await _each(partial(add_span, spans), batch)
                found = await self._sender.send_traces(traces, doing=doing)
                self._judge(*found, of=len(batch), doing=doing)
            if self._options.logs:
                logs, records = logs_request(self._resource)
                await _each(partial(add_log, records), batch)
                found = await self._sender.send_logs(logs, doing=doing)
                self._judge(*found, of=len(batch), doing=doing)

    def _judge(self, rejected: int, said: str, *, of: int, doing: str) -> None:
        if (refused := rejection(rejected, of, said, doing=doing)) is not None:
            raise refused
        if said:
            event = "experimentframework.collector_warned"
            said = hide(said, self._hidden)
            self._warnings.warning(event, backplane=self._name, said=said)


async def _each(add: Callable[[Record], None], batch: Sequence[Record]) -> None:
    """Add each event without keeping the loop for long."""
    for index, record in enumerate(batch, 1):
        add(record)
        if index % _events_per_turn == 0:
            await asyncio.sleep(0)


@contextmanager
def _unseen() -> Iterator[None]:
    """Keep instrumented clients from making spans of the exports, as every exporter does."""
    if "opentelemetry.context" not in sys.modules:
        yield
        return
    from opentelemetry import context

    token = context.attach(context.set_value("suppress_instrumentation", value=True))
    try:
        yield
    finally:
        context.detach(token)


@asynccontextmanager
async def open_exporter(
    options: OpenTelemetryOptions, context: OpenContext
) -> AsyncIterator[OtlpBackplane]:
    """Make the client; the first delivery connects.

    Raises:
        UnavailableError: A file of the options cannot be read.
    """
    async with _sender(options) as sender:
        yield OtlpBackplane(sender, options, name=context.name)


def _sender(options: OpenTelemetryOptions) -> AbstractAsyncContextManager[Sender]:
    if options.protocol == "grpc":
        from experimentframework_core.backplanes._otel.grpc import GrpcSender

        return GrpcSender(options)
    from experimentframework_core.backplanes._otel.http import HttpSender

    return HttpSender(options)
