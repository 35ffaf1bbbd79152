"""A collector of OpenTelemetry in this process: it keeps what it takes, and fails as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import grpc
from aiohttp import web
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    add_TraceServiceServicer_to_server,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    Item: TypeAlias = Span | LogRecord


class Answer(NamedTuple):
    """How a request is answered.

    Attributes:
        status: HTTP's status; 200 takes what is sent.
        code: The status of gRPC that stands for it.
        said: What is said with it.
        retry_after: ``Retry-After`` of HTTP, the seconds of gRPC's ``RetryInfo``.
        rejected: How many items of a request that is taken are rejected.
        silent: Whether there is never an answer.
        lost: Whether the request is taken, and the answer lost.
        raw: The body of HTTP, instead of one of OTLP.
        headers: More headers of HTTP.
    """

    status: int = 200
    code: str = "OK"
    said: str = ""
    retry_after: str | None = None
    rejected: int = 0
    silent: bool = False
    lost: bool = False
    raw: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


TAKEN = Answer()
SILENCE = Answer(silent=True)
LOST = Answer(lost=True)
AWAY = Answer(503, "UNAVAILABLE", "no room now")


class Collector:
    """Takes requests by HTTP or gRPC.

    Attributes:
        endpoint: Its address.
        spans: The spans that were taken, in the order of their arrival.
        logs: The log records, the same.
        resources: The resource of each request that was taken.
        headers: Those of each request, names in lower case.
        next: How the next requests are answered, one after another.
        always: How all others are.
        asked: Set once anything was sent.
        refused: The answers to requests with an event of that subject.
    """

    def __init__(self, endpoint: str) -> None:
        """Take everything, until it is told otherwise."""
        self.endpoint = endpoint
        self.spans: list[Span] = []
        self.logs: list[LogRecord] = []
        self.resources: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.next: deque[Answer] = deque()
        self.always = TAKEN
        self.asked = asyncio.Event()
        self.refused: dict[str, Answer] = {}
        self._silence = asyncio.Event()

    @property
    def event_ids(self) -> list[str]:
        """The ids of the events whose spans were taken, in the order of their arrival."""
        return [attributes_of(span)["dataplane.event.id"] for span in self.spans]

    def close(self) -> None:
        """Let go those that are kept waiting."""
        self._silence.set()

    async def decide(
        self,
        items: Sequence[Item],
        kept: list[Any],
        resources: Sequence[Resource],
        headers: Mapping[str, str],
    ) -> Answer:
        """Keep the items, if they are taken, and return the answer."""
        self.headers.append({name.lower(): value for name, value in headers.items()})
        self.asked.set()
        answer = self.next.popleft() if self.next else self._usual(items)
        if answer.silent:
            await self._silence.wait()
        if answer.status == TAKEN.status:
            good = [item for item in items if _subject_of(item) not in self.refused]
            kept.extend(good if len(good) < len(items) else items[: len(items) - answer.rejected])
            self.resources.extend(values_of(each.attributes) for each in resources)
        return answer

    def _usual(self, items: Sequence[Item]) -> Answer:
        refused = (self.refused.get(_subject_of(item)) for item in items)
        return next(filter(None, refused), self.always)

    async def take_traces(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Take an encoded request with spans."""
        request = ExportTraceServiceRequest.FromString(content)
        found = request.resource_spans
        spans = [span for each in found for scope in each.scope_spans for span in scope.spans]
        return await self.decide(spans, self.spans, [each.resource for each in found], headers)

    async def take_logs(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Take an encoded request with log records."""
        request = ExportLogsServiceRequest.FromString(content)
        found = request.resource_logs
        logs = [log for each in found for scope in each.scope_logs for log in scope.log_records]
        return await self.decide(logs, self.logs, [each.resource for each in found], headers)


def _subject_of(item: Item) -> str:
    return str(attributes_of(item).get("experiment.subject.id"))


def attributes_of(item: Item) -> dict[str, Any]:
    """Return an item's attributes."""
    return values_of(item.attributes)


def values_of(attributes: Sequence[KeyValue]) -> dict[str, Any]:
    """Return attributes as Python has them."""
    return {each.key: _value_of(each.value) for each in attributes}


def _value_of(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value_of(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)


@asynccontextmanager
async def http_collector(
    port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Collector]:
    """Run a collector that speaks HTTP, on a free port where none is given."""
    collector = Collector("")

    async def traces(request: web.Request) -> web.StreamResponse:
        answer = await collector.take_traces(await _content(request), request.headers)
        partial = ExportTraceServiceResponse()
        partial.partial_success.rejected_spans = answer.rejected
        partial.partial_success.error_message = answer.said
        return _response(request, answer, partial.SerializeToString())

    async def logs(request: web.Request) -> web.StreamResponse:
        answer = await collector.take_logs(await _content(request), request.headers)
        partial = ExportLogsServiceResponse()
        partial.partial_success.rejected_log_records = answer.rejected
        partial.partial_success.error_message = answer.said
        return _response(request, answer, partial.SerializeToString())

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/traces", traces)
    app.router.add_post("/v1/logs", logs)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    scheme = "http" if tls is None else "https"
    collector.endpoint = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        collector.close()
        await runner.cleanup()


async def _content(request: web.Request) -> bytes:
    assert request.content_type == "application/x-protobuf"
    # aiohttp unpacks what is compressed.
    return await request.read()


def _response(request: web.Request, answer: Answer, body: bytes) -> web.StreamResponse:
    if answer.lost and request.transport is not None:
        request.transport.close()
    if answer.status != TAKEN.status:
        body = Status(code=1, message=answer.said).SerializeToString()
    headers = dict(answer.headers)
    if answer.retry_after:
        headers["Retry-After"] = answer.retry_after
    return web.Response(
        status=answer.status,
        body=body if answer.raw is None else answer.raw,
        headers=headers,
        content_type="application/x-protobuf" if answer.raw is None else "text/html",
    )


class _Servicer:
    """Both services: gRPC finds ``Export``."""

    def __init__(self, collector: Collector, kind: str) -> None:
        self._collector = collector
        self._kind = kind

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        headers = {key: str(value) for key, value in context.invocation_metadata()}
        content = request.SerializeToString()
        if self._kind == "traces":
            answer = await self._collector.take_traces(content, headers)
            spans = ExportTraceServiceResponse()
            spans.partial_success.rejected_spans = answer.rejected
            spans.partial_success.error_message = answer.said
            await _refuse(context, answer)
            return spans
        answer = await self._collector.take_logs(content, headers)
        logs = ExportLogsServiceResponse()
        logs.partial_success.rejected_log_records = answer.rejected
        logs.partial_success.error_message = answer.said
        await _refuse(context, answer)
        return logs


async def _refuse(context: Any, answer: Answer) -> None:
    if answer.lost:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
    if answer.code == "OK":
        return
    if answer.retry_after:
        # What `google.rpc` asks for, and every server's library writes.
        status = Status(code=grpc.StatusCode[answer.code].value[0], message=answer.said)
        info = RetryInfo(retry_delay=Duration(seconds=int(answer.retry_after)))
        status.details.add().Pack(info)
        metadata = (("grpc-status-details-bin", status.SerializeToString()),)
        context.set_trailing_metadata(metadata)
    await context.abort(grpc.StatusCode[answer.code], answer.said)


@asynccontextmanager
async def grpc_collector(
    port: int = 0, tls: grpc.ServerCredentials | None = None
) -> AsyncIterator[Collector]:
    """Run a collector that speaks gRPC, on a free port where none is given."""
    collector = Collector("")
    server = aio.server(options=(("grpc.so_reuseport", 0),))
    add_TraceServiceServicer_to_server(_Servicer(collector, "traces"), server)  # type: ignore[no-untyped-call]  # generated
    add_LogsServiceServicer_to_server(_Servicer(collector, "logs"), server)  # type: ignore[no-untyped-call]  # generated
    address = f"127.0.0.1:{port}"
    bound = server.add_secure_port(address, tls) if tls else server.add_insecure_port(address)
    await server.start()
    collector.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{bound}"
    try:
        yield collector
    finally:
        collector.close()
        await server.stop(0.1)
