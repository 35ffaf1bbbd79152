"""Makes a span, a log record or both of each event: by the application's providers, or by OTLP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from experimentframework_core.backplanes._otel.check import (
    check_open_telemetry,
    why_not_installed,
)
from experimentframework_core.errors import PluginError
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
)
from experimentframework_core.units import Delay, Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Text = Annotated[str, msgspec.Meta(min_length=1)]


class OpenTelemetryOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``openTelemetry``.

    Attributes:
        traces: Make a span of each event, which begins and ends when the event happened.
        logs: Make a log record of each event, with the event's JSON as its body.
        endpoint: The address of a collector, or of what else speaks OTLP, as in
            ``http://localhost:4318``; ``/v1/traces`` and ``/v1/logs`` are added. It confirms what
            it is sent. None: the application's own providers get the events, and export them.
        protocol: How the collector is spoken to: ``http/protobuf`` (mostly port 4318) or ``grpc``
            (mostly port 4317).
        headers: What is sent with each request, as ``api-key`` or ``authorization``.
        compression: How requests are compressed: ``none`` or ``gzip``.
        timeout_ms: How long the collector may take for an answer.
        service_name: The resource's ``service.name``. None: the environment variable
            ``OTEL_SERVICE_NAME``, else ``unknown_service``.
        resource_attributes: More attributes of the resource, beside those of the environment
            variable ``OTEL_RESOURCE_ATTRIBUTES``.
        cafile: The file of the certificate authorities to trust, in PEM. None: those of the
            system, with ``grpc`` those that it brings.
        certfile: The file of the client's own certificate, in PEM, where the collector asks for
            one.
        keyfile: The file of the certificate's private key. None: it stands in ``certfile``.
    """

    traces: bool = True
    logs: bool = False
    endpoint: Text | None = None
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    compression: Literal["none", "gzip"] = "none"
    timeout_ms: Delay = 10_000
    service_name: Text | None = None
    resource_attributes: dict[str, str] = msgspec.field(default_factory=dict)
    cafile: Text | None = None
    certfile: Text | None = None
    keyfile: Text | None = None


@asynccontextmanager
async def open_open_telemetry(
    options: OpenTelemetryOptions, context: OpenContext
) -> AsyncIterator[Backplane]:
    """Open an exporter where there is an ``endpoint``, else the application's providers.

    Raises:
        PluginError: What these options need is not installed.
        UnavailableError: A file of the options cannot be read.
    """
    if missing := why_not_installed(options):
        raise PluginError(missing, plugin=plugin.type)
    if options.endpoint is None:
        from experimentframework_core.backplanes._otel.providers import open_providers

        async with open_providers(options) as backplane:
            yield backplane
    else:
        from experimentframework_core.backplanes._otel.exporting import open_exporter

        async with open_exporter(options, context) as exporter:
            yield exporter


plugin = BackplanePlugin(
    type="openTelemetry",
    options=OpenTelemetryOptions,
    open=open_open_telemetry,
    check=check_open_telemetry,
    features=Features(ordered=True),
)
