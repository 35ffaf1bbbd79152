"""An ASGI app that tells platforms, people and Prometheus how a plane fares."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from experimentframework_core._hiding import hidden_in, without
from experimentframework_core._log import logger
from experimentframework_core.status import Health, HealthStatus
from experimentframework_core.web._answers import (
    Answer,
    answer_lifespan,
    header,
    path_below,
    send_answer,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from experimentframework_core.metrics import Measurement, PrometheusCollector
    from experimentframework_core.status import Statistics
    from experimentframework_core.web._answers import App, Receive, Scope, Send

METHODS = ("GET", "HEAD")

NOT_THERE = Health(HealthStatus.UNHEALTHY, "the plane is not there yet")


class Monitored(Protocol):
    """What the app asks: a `DataPlane`, or something that passes the questions on to one."""

    @property
    def options(self) -> object:
        """The options, whose secrets are not shown."""

    def health(self) -> Health | Awaitable[Health]:
        """Return how the plane fares."""

    def statistics(self) -> Statistics:
        """Return the fates of its events."""

    def measurements(self) -> Sequence[Measurement]:
        """Return the value of every metric."""


Source: TypeAlias = "Monitored | Callable[[], Monitored | None]"


def health_app(plane: Source, *, details: bool = True, metrics: bool = False) -> App:
    """Return an ASGI app with the health of a plane; it runs alone, or mounted in another.

    ``/health/live`` answers 200 as long as the process does, whatever the destinations do.
    ``/health/ready`` answers 200 when the plane is healthy or degraded, and 503 when it is
    unhealthy, closed or not there. ``/health`` answers the same, with what is known. Mounted at
    ``/health``, its paths are these as well. Secrets of the configuration are never shown.

    Args:
        plane: The plane; or a function that returns it, or that returns None or raises as long as
            there is none.
        details: Tell descriptions, diagnostics and statistics; without, the status only.
        metrics: Answer ``/metrics``, for Prometheus; needs the extra ``prometheus``.

    Raises:
        ModuleNotFoundError: ``metrics`` without the extra.
        TypeError: ``plane`` is neither.
    """
    if not (callable(plane) or hasattr(plane, "health")):
        message = f"health_app takes a plane or a function that returns one, not {plane!r}"
        raise TypeError(message)
    return _HealthApp(plane, details=details, metrics=metrics)


class _HealthApp:
    """The app of `health_app`."""

    def __init__(self, plane: Source, *, details: bool, metrics: bool) -> None:
        self._source = plane
        self._details = details
        self._collector: PrometheusCollector | None = None
        self._pages: dict[str, Callable[[Scope], Awaitable[Answer]]] = {
            "/health": self._health,
            "/health/live": self._live,
            "/health/ready": self._ready,
        }
        if metrics:
            from experimentframework_core.metrics import PrometheusCollector

            self._collector = PrometheusCollector(self._plane)
            self._pages["/metrics"] = self._metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            answer = await self._answer(scope)
            await send_answer(answer, send, with_body=scope["method"] != "HEAD")

    async def _answer(self, scope: Scope) -> Answer:
        path = path_below(scope)
        page = self._pages.get(path) or self._pages.get(f"/health{path}")
        if page is None:
            return _json(404, {"error": f"not found; there are {', '.join(self._pages)}"})
        if scope["method"] not in METHODS:
            allow = ", ".join(METHODS)
            return _json(405, {"error": f"{scope['method']} is not allowed: {allow}"}, allow=allow)
        return await page(scope)

    def _plane(self) -> Monitored | None:
        if not callable(self._source):
            return self._source
        try:
            return self._source()
        except Exception as error:  # noqa: BLE001 - the application is not so far, or never will be
            logger.debug("experimentframework.health_without_plane", error=type(error).__name__)
            return None

    async def _judged(self) -> tuple[Monitored | None, Health]:
        plane = self._plane()
        if plane is None:
            return None, NOT_THERE
        health = plane.health()
        return plane, (await health if inspect.isawaitable(health) else health)

    async def _live(self, _scope: Scope) -> Answer:
        return _json(200, {"status": "alive"})

    async def _ready(self, _scope: Scope) -> Answer:
        _, health = await self._judged()
        return _json(_code(health), {"status": health.status})

    async def _health(self, _scope: Scope) -> Answer:
        plane, health = await self._judged()
        said: dict[str, object] = {"status": health.status}
        if self._details:
            hidden = [] if plane is None else hidden_in(plane.options)
            told = msgspec.to_builtins(health, enc_hook=str)
            said["description"] = without(told["description"], hidden)
            said["backplanes"] = {
                name: each
                | {"description": without(each["description"], hidden)}
                | {"diagnostics": without(each["diagnostics"], hidden)}
                for name, each in told["diagnostics"].items()
            }
            if plane is not None:
                said["statistics"] = plane.statistics()
        return _json(_code(health), said)

    async def _metrics(self, scope: Scope) -> Answer:
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.registry import CollectorRegistry

        registry = CollectorRegistry()
        if self._collector is not None:
            registry.register(self._collector)
        encode, content_type = choose_encoder(header(scope, b"accept"))
        return Answer(200, encode(registry), content_type)


def _code(health: Health) -> int:
    return 503 if health.status is HealthStatus.UNHEALTHY else 200


def _json(status: int, said: dict[str, object], *, allow: str | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(said), allow=allow)
