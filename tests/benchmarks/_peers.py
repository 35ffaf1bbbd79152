"""What other SDKs do on a request's path, with their transports replaced by ones that do nothing.

Each is opened as its manual says, with a queue large enough that nothing is dropped. Live, its
own consumer drains the queue and makes the JSON; held, nothing drains.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from tests.benchmarks._events import properties, subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from tests.benchmarks._report import Report

    Call = Callable[..., Any]
    Make = Callable[[int], tuple[Any, ...]]
    Open = Callable[..., AbstractAsyncContextManager[tuple[Call, Make]]]

_room = 2_000_000


class Peer(msgspec.Struct, frozen=True):
    """One SDK: what it needs installed, which call is timed, how it is opened."""

    call: str
    modules: tuple[str, ...]
    distribution: str
    open: Any

    def missing(self) -> str | None:
        """Return the first module that is not installed."""
        for module in self.modules:
            try:
                found = importlib.util.find_spec(module)
            except ModuleNotFoundError:
                found = None
            if found is None:
                return module
        return None


class _LaunchDarklyHttp:
    """Answers every post with 202."""

    def request(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(status=202, headers={})

    def clear(self) -> None:
        pass


class _LaunchDarklyAsyncHttp:
    """The same as an aiohttp session."""

    @asynccontextmanager
    async def request(self, *_: object, **__: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(status=202, headers={}, text=self._text)

    async def _text(self, **_: object) -> str:
        return ""

    async def close(self) -> None:
        pass


def _hold(*_: object, **__: object) -> None:
    """Stand in for a dispatcher, a thread's start or a loop, and do nothing."""


def _launch_darkly_make(number: int) -> tuple[Any, ...]:
    context = importlib.import_module("ldclient.context")
    return "exposure", context.Context.create(subject(number)), properties(number)


def _launch_darkly_event(number: int) -> tuple[Any, ...]:
    types = importlib.import_module("ldclient.impl.events.types")
    name, context, data = _launch_darkly_make(number)
    return (types.EventInputCustom(1_700_000_000_000, context, name, data, None),)


@asynccontextmanager
async def _launch_darkly(*, drains: bool, bare: bool = False) -> AsyncIterator[tuple[Call, Make]]:
    module = importlib.import_module("ldclient.impl.events.event_processor")
    client_module = importlib.import_module("ldclient.client")
    config = importlib.import_module("ldclient.config").Config(
        "a-key",
        use_ldd=True,
        diagnostic_opt_out=True,
        events_max_pending=_room,
        event_processor_class=lambda config: module.DefaultEventProcessor(
            config, http=_LaunchDarklyHttp(), dispatcher_class=None if drains else _hold
        ),
    )
    client = client_module.LDClient(config)
    if bare:
        yield client._event_processor.send_event, _launch_darkly_event
    else:
        yield client.track, _launch_darkly_make
    if drains:
        client.close()


@asynccontextmanager
async def _launch_darkly_async(
    *, drains: bool, bare: bool = False
) -> AsyncIterator[tuple[Call, Make]]:
    module = importlib.import_module("ldclient.impl.events.async_event_processor")
    client_module = importlib.import_module("ldclient.async_client")
    config = importlib.import_module("ldclient.async_config").AsyncConfig(
        "a-key",
        use_ldd=True,
        diagnostic_opt_out=True,
        events_max_pending=_room,
        event_processor_class=lambda config: module.DefaultAsyncEventProcessor(
            config, http=_LaunchDarklyAsyncHttp(), dispatcher_class=None if drains else _hold
        ),
    )
    client = client_module.AsyncLDClient(config)
    await client.start()
    if bare:
        yield client._event_processor.send_event, _launch_darkly_event
    else:
        yield client.track, _launch_darkly_make
    if drains:
        await client.close()


class _JsonExporter:
    """Makes the JSON of each record's attributes and sends nothing."""

    def export(self, batch: Iterable[Any]) -> None:
        json.dumps(
            [
                {"eventName": each.log_record.event_name, **each.log_record.attributes}
                for each in batch
            ]
        )

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return timeout_millis > 0


@asynccontextmanager
async def _otel(*, drains: bool) -> AsyncIterator[tuple[Call, Make]]:
    sdk = importlib.import_module("opentelemetry.sdk._logs")
    export = importlib.import_module("opentelemetry.sdk._logs.export")
    waiting = {} if drains else {"schedule_delay_millis": 3_600_000, "max_export_batch_size": _room}
    provider = sdk.LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(
        export.BatchLogRecordProcessor(_JsonExporter(), max_queue_size=_room, **waiting)
    )
    emit = provider.get_logger("benchmark").emit

    def call(attributes: dict[str, Any]) -> None:
        emit(event_name="exposure", body="exposure", attributes=attributes)

    def make(number: int) -> tuple[Any, ...]:
        return ({"subjectId": subject(number), **properties(number)},)

    yield call, make
    if drains:
        provider.shutdown()


class _Session:
    """Answers every post with 200."""

    def post(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(status_code=200, headers={})


@asynccontextmanager
async def _segment(*, drains: bool) -> AsyncIterator[tuple[Call, Make]]:
    request: Any = importlib.import_module("segment.analytics.request")
    module = importlib.import_module("segment.analytics.client")
    request._session = _Session()
    if not drains:
        module.Consumer.start = _hold
    client = module.Client("a-key", max_queue_size=_room)
    yield client.track, lambda number: (subject(number), "exposure", properties(number))
    if drains:
        client.flush()
        client.join()


def _posthog_make(number: int) -> tuple[Any, ...]:
    return "exposure", subject(number), properties(number)


@asynccontextmanager
async def _posthog(*, drains: bool) -> AsyncIterator[tuple[Call, Make]]:
    request: Any = importlib.import_module("posthog.request")
    module = importlib.import_module("posthog.client")
    request._get_session = _Session
    if not drains:
        module.Consumer.start = _hold
    client = module.Client("a-key", max_queue_size=_room, disable_geoip=True)
    capture = client.capture

    def call(event: str, distinct_id: str, facts: dict[str, Any]) -> None:
        capture(event, distinct_id=distinct_id, properties=facts)

    yield call, _posthog_make
    if drains:
        client.shutdown()


class _AsyncSession(_Session):
    async def post(self, *_: object, **__: object) -> SimpleNamespace:  # type: ignore[override]
        return SimpleNamespace(status_code=200, headers={})

    async def aclose(self) -> None:
        pass


@asynccontextmanager
async def _posthog_async(*, drains: bool) -> AsyncIterator[tuple[Call, Make]]:
    module = importlib.import_module("posthog.async_client")
    if not drains:
        module._AsyncConsumer.run = _forever
    client = module.AsyncClient("a-key", max_queue_size=_room, disable_geoip=True)
    client._http_client = _AsyncSession()
    capture = client.capture

    def call(event: str, distinct_id: str, facts: dict[str, Any]) -> None:
        capture(event, distinct_id=distinct_id, properties=facts)

    yield call, _posthog_make
    if drains:
        await client.shutdown()


async def _forever(_: object) -> None:
    import asyncio

    await asyncio.Event().wait()


def _bare(opened: Open) -> Open:
    def open_bare(*, drains: bool) -> AbstractAsyncContextManager[tuple[Call, Make]]:
        return opened(drains=drains, bare=True)

    return open_bare


peers = {
    "LaunchDarkly async": Peer(
        "track", ("ldclient", "aiohttp"), "launchdarkly-server-sdk[async]", _launch_darkly_async
    ),
    "LaunchDarkly async, bare": Peer(
        "send_event",
        ("ldclient", "aiohttp"),
        "launchdarkly-server-sdk[async]",
        _bare(_launch_darkly_async),
    ),
    "LaunchDarkly": Peer("track", ("ldclient",), "launchdarkly-server-sdk", _launch_darkly),
    "LaunchDarkly, bare": Peer(
        "send_event", ("ldclient",), "launchdarkly-server-sdk", _bare(_launch_darkly)
    ),
    "OTel": Peer("emit", ("opentelemetry.sdk._logs",), "opentelemetry-sdk", _otel),
    "Segment": Peer("track", ("segment.analytics",), "segment-analytics-python", _segment),
    "PostHog async": Peer("capture", ("posthog", "httpx"), "posthog[async]", _posthog_async),
    "PostHog": Peer("capture", ("posthog",), "posthog", _posthog),
}
"""Every peer by the name in the reports. ``bare`` is the SDK's inner call on a ready-made event."""


def installed(report: Report, among: Iterable[str] | None = None) -> list[str]:
    """Return the peers that can run; the report says of each other one why not."""
    names = []
    for name in peers if among is None else among:
        missing = peers[name].missing()
        if missing is None:
            names.append(name)
        else:
            report.skipped.append(
                f"{name}: {missing} is not installed (pip install"
                f' "{peers[name].distribution}", or the extra bench)'
            )
    return names
