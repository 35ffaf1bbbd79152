"""OTLP over gRPC; needs the extra ``otlp-grpc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from experimentframework_core.backplanes._otel.errors import grpc_failure
from experimentframework_core.backplanes._otel.scope import version
from experimentframework_core.backplanes._otel.tls import pem, ssl_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions

PORT = 4317
"""The port of OTLP over gRPC where an address names none."""

_DETAILS = "grpc-status-details-bin"
# The channel's own backoff would outlast ours: a collector that is back is to be found at once.
_BACKOFF = (("grpc.max_reconnect_backoff_ms", 1000), ("grpc.use_local_subchannel_pool", 1))


class GrpcSender:
    """Calls a collector and reads its answers."""

    def __init__(self, options: OpenTelemetryOptions) -> None:
        """Store the options; ``async with`` makes the channel, and connects nothing."""
        self._options = options
        self._seconds = options.timeout_ms / 1000
        self._headers = tuple(
            (name.lower(), value.reveal()) for name, value in options.headers.items()
        )
        self._channel: aio.Channel | None = None

    async def __aenter__(self) -> Self:
        self._channel = _channel(self._options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def send_traces(
        self, request: ExportTraceServiceRequest, *, doing: str
    ) -> tuple[int, str]:
        """Return how many spans the collector rejects, and what it says of them."""
        stub = TraceServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        response = await self._call(stub.Export, request, doing)
        return response.partial_success.rejected_spans, response.partial_success.error_message

    async def send_logs(self, request: ExportLogsServiceRequest, *, doing: str) -> tuple[int, str]:
        """Return how many log records the collector rejects, and what it says of them."""
        stub = LogsServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        response = await self._call(stub.Export, request, doing)
        partial = response.partial_success
        return partial.rejected_log_records, partial.error_message

    async def _call(self, method: Callable[..., Any], request: object, doing: str) -> Any:  # noqa: ANN401 - a generated stub has no types
        try:
            return await method(request, timeout=self._seconds, metadata=self._headers)
        except aio.AioRpcError as error:
            said = error.details() or ""
            pause = _retry_after(error)
            raise grpc_failure(error.code().name, said, pause, doing=doing) from None


def _channel(options: OpenTelemetryOptions) -> aio.Channel:
    url = urlsplit(str(options.endpoint))
    host = f"[{url.hostname}]" if ":" in str(url.hostname) else url.hostname
    target = f"{host}:{url.port or PORT}"
    settings = (*_BACKOFF, ("grpc.primary_user_agent", f"experimentframework/{version()}"))
    compression = grpc.Compression.Gzip if options.compression == "gzip" else None
    if url.scheme == "http":
        return aio.insecure_channel(target, options=settings, compression=compression)
    ssl_context(options)  # It says which file is wrong; gRPC would say nothing.
    key = pem(options.keyfile or options.certfile)
    trusted = grpc.ssl_channel_credentials(pem(options.cafile), key, pem(options.certfile))
    return aio.secure_channel(target, trusted, options=settings, compression=compression)


def _retry_after(error: aio.AioRpcError) -> float | None:
    """Return the seconds that the collector asks us to wait, where it does."""
    status, info = Status(), RetryInfo()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            try:
                status.ParseFromString(value)
                # `Unpack` says whether it was one.
                found = any(detail.Unpack(info) for detail in status.details)
            except DecodeError:
                return None
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9) if found else None
    return None
