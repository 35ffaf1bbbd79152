"""What the tests of the OpenTelemetry backplane share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from experimentframework_core.backplanes.opentelemetry import (
    OpenTelemetryOptions,
    open_open_telemetry,
)
from experimentframework_core.plugin import OpenContext
from tests.peers.otlp import grpc_collector, http_collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core.backplanes._otel.exporting import OtlpBackplane
    from tests.peers.otlp import Collector

PROTOCOLS = {"http/protobuf": http_collector, "grpc": grpc_collector}
"""How to start a collector that speaks a protocol."""


def options_for(collector: Collector, protocol: Any, **more: Any) -> OpenTelemetryOptions:
    """Return options that reach a collector."""
    return OpenTelemetryOptions(endpoint=collector.endpoint, protocol=protocol, **more)


@asynccontextmanager
async def opened(options: OpenTelemetryOptions) -> AsyncIterator[OtlpBackplane]:
    """Open the backplane as a channel does."""
    async with open_open_telemetry(options, OpenContext(name="otel")) as backplane:
        yield backplane  # type: ignore[misc]  # it has an endpoint
