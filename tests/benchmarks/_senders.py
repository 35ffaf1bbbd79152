"""Ways to send events over real HTTP, each opened as its manual says, with its defaults."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import msgspec

from tests.benchmarks._events import exposure, properties, subject
from tests.benchmarks._peers import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.status import Ack

    Send = Callable[..., Any]
    Make = Callable[[int], tuple[Any, ...]]
    Opened = AsyncIterator[tuple[Send, Make]]

DISK = "experimentframework, disk"
DURABLE = "experimentframework, disk, durable"
OURS = (DISK, DURABLE, "experimentframework, memory")


class Posting:
    """Posts each batch as an array of JSON: a backplane in a few lines."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def deliver(self, batch: Sequence[Record]) -> None:
        from experimentframework_core import TransientError

        body = b"[%s]" % b",".join(record.body for record in batch)
        try:
            await asyncio.to_thread(self._post, body)
        except (URLError, OSError) as error:
            raise TransientError(str(error)) from error

    def _post(self, body: bytes) -> None:
        with urlopen(Request(self.url, body), timeout=10) as answer:  # noqa: S310 - 127.0.0.1
            answer.read()


@asynccontextmanager
async def _ours(url: str, folder: str, *, disk: bool, ack: Ack = "accepted") -> Opened:
    from experimentframework_core import BufferOptions, DataPlane, DataPlaneOptions

    buffer = BufferOptions(type="disk", path=folder) if disk else BufferOptions()
    options = DataPlaneOptions(buffer=buffer, ack=ack)
    async with DataPlane(options, backplane=Posting(url)) as plane:
        yield plane.publish, lambda number: (exposure(number),)


def _tracked(number: int) -> tuple[Any, ...]:
    context = importlib.import_module("ldclient.context")
    return "exposure", context.Context.create(subject(number)), properties(number)


@asynccontextmanager
async def _launch_darkly(url: str, _: str) -> Opened:
    module = importlib.import_module("ldclient.client")
    config = importlib.import_module("ldclient.config").Config(
        "a-key", events_uri=url, use_ldd=True, diagnostic_opt_out=True
    )
    client = module.LDClient(config)
    yield client.track, _tracked
    client.close()


@asynccontextmanager
async def _launch_darkly_async(url: str, _: str) -> Opened:
    module = importlib.import_module("ldclient.async_client")
    config = importlib.import_module("ldclient.async_config").AsyncConfig(
        "a-key", events_uri=url, use_ldd=True, diagnostic_opt_out=True
    )
    client = module.AsyncLDClient(config)
    await client.start()
    yield client.track, _tracked
    await client.close()


@asynccontextmanager
async def _otel(url: str, _: str) -> Opened:
    sdk = importlib.import_module("opentelemetry.sdk._logs")
    export = importlib.import_module("opentelemetry.sdk._logs.export")
    otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http._log_exporter")
    provider = sdk.LoggerProvider()
    exporter = otlp.OTLPLogExporter(endpoint=f"{url}/v1/logs")
    provider.add_log_record_processor(export.BatchLogRecordProcessor(exporter))
    emit = provider.get_logger("benchmark").emit

    def send(attributes: dict[str, Any]) -> None:
        emit(event_name="exposure", body="exposure", attributes=attributes)

    yield send, lambda number: ({"subjectId": subject(number), **properties(number)},)
    await asyncio.to_thread(provider.shutdown)


@asynccontextmanager
async def _segment(url: str, _: str) -> Opened:
    client = importlib.import_module("segment.analytics.client").Client("a-key", host=url)
    yield client.track, lambda number: (subject(number), "exposure", properties(number))
    await asyncio.to_thread(client.flush)
    await asyncio.to_thread(client.join)


@asynccontextmanager
async def _posthog(url: str, _: str) -> Opened:
    client = importlib.import_module("posthog.client").Client("a-key", host=url)
    yield _captured(client), _capture
    await asyncio.to_thread(client.shutdown)


@asynccontextmanager
async def _posthog_async(url: str, _: str) -> Opened:
    client = importlib.import_module("posthog.async_client").AsyncClient("a-key", host=url)
    yield _captured(client), _capture
    await client.shutdown()


def _capture(number: int) -> tuple[Any, ...]:
    return "exposure", subject(number), properties(number)


def _captured(client: Any) -> Send:
    def send(event: str, distinct_id: str, facts: dict[str, Any]) -> None:
        client.capture(event, distinct_id=distinct_id, properties=facts)

    return send


SENDERS = {
    DISK: Peer("publish", (), "experimentframework-core", partial(_ours, disk=True)),
    DURABLE: Peer(
        "publish", (), "experimentframework-core", partial(_ours, disk=True, ack="durable")
    ),
    OURS[2]: Peer("publish", (), "experimentframework-core", partial(_ours, disk=False)),
    "LaunchDarkly async": Peer(
        "track", ("ldclient", "aiohttp"), "launchdarkly-server-sdk[async]", _launch_darkly_async
    ),
    "LaunchDarkly": Peer("track", ("ldclient",), "launchdarkly-server-sdk", _launch_darkly),
    "OTel": Peer(
        "emit",
        ("opentelemetry.exporter.otlp.proto.http",),
        "opentelemetry-exporter-otlp-proto-http",
        _otel,
    ),
    "Segment": Peer("track", ("segment.analytics",), "segment-analytics-python", _segment),
    "PostHog async": Peer("capture", ("posthog", "httpx"), "posthog[async]", _posthog_async),
    "PostHog": Peer("capture", ("posthog",), "posthog", _posthog),
}
"""Every way by its name in the report."""


class Sending(msgspec.Struct, frozen=True):
    """What a process sends: how, where to, for how long, and how it ends.

    Attributes:
        name: Whose way it is, as in `SENDERS`.
        url: Where to.
        folder: What may be kept on disk is kept here.
        seconds: How long, at the rate of the benchmark.
        burst: The same events, but one right after the other.
        killed_after: Seconds from the last event to the kill. None: it ends as the manual says.
    """

    name: str
    url: str
    folder: str
    seconds: float
    burst: bool = False
    killed_after: float | None = None
