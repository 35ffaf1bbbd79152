"""The health app tells platforms, people and Prometheus how a plane fares, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from experimentframework_core import (
    BreakerOptions,
    DataPlane,
    DataPlaneOptions,
    PiiRedactionOptions,
    Secret,
)
from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.testing import FaultyBackplane, fail, make_exposure
from experimentframework_core.web import health_app
from tests.core._planes import options
from tests.core.web._asking import ask

if TYPE_CHECKING:
    from experimentframework_core.web import Monitored


def down(error: Exception) -> FaultyBackplane:
    """Return a backplane that always fails."""
    return FaultyBackplane([fail(error, after=None)] * 50)


async def fallen(plane: DataPlane) -> None:
    """Publish, and return when the plane has seen that it cannot be delivered."""
    await plane.publish(make_exposure())
    while (await plane.health()).status != "unhealthy":
        await plane.flush(0.01)


def unsteady(error: Exception) -> DataPlane:
    """Return a plane whose destination is down, and which says so at the first failure."""
    breaker = BreakerOptions(failure_threshold=1)
    return DataPlane(options(breaker=breaker, shutdown_timeout_ms=1), backplane=down(error))


async def test_a_healthy_plane_is_live_and_ready() -> None:
    """Given an open plane, when asked, then each answer is 200, and the details say why."""
    async with DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        app = health_app(plane)

        said = [await ask(app, path) for path in ("/health/live", "/health/ready", "/health")]

    assert [each.status for each in said] == [200, 200, 200]
    assert [each.json["status"] for each in said] == ["alive", "healthy", "healthy"]
    details = said[2].json
    assert details["backplanes"]["FaultyBackplane"]["diagnostics"]["breaker"] == "closed"
    assert details["statistics"]["backplanes"]["FaultyBackplane"]["delivered"] == 1


async def test_an_outage_takes_readiness_and_not_life() -> None:
    """Given a destination that is down, when asked, then it is live, not ready, and says why."""
    async with unsteady(TransientError("no route to host")) as plane:
        await fallen(plane)
        app = health_app(plane)

        said = [await ask(app, path) for path in ("/health/live", "/health/ready", "/health")]

    assert [each.status for each in said] == [200, 503, 503]
    assert "no route to host" in said[2].json["description"]
    assert said[1].json == {"status": "unhealthy"}


async def test_a_degraded_plane_is_ready() -> None:
    """Given a failure before the breaker opens, when asked, then it is degraded, and ready."""
    faulty = down(TransientError("a moment"))
    async with DataPlane(options(shutdown_timeout_ms=1), backplane=faulty) as plane:
        await plane.publish(make_exposure())
        while (await plane.health()).status != "degraded":
            await plane.flush(0.001)

        said = await ask(health_app(plane), "/health/ready")

    assert (said.status, said.json["status"]) == (200, "degraded")


async def test_before_the_opening_and_after_the_end_it_is_not_ready() -> None:
    """Given a plane, when asked before it opens and after it closed, then 503, and it is live."""
    plane = DataPlane(options(), backplane=FaultyBackplane())
    app = health_app(plane, metrics=True)
    paths = ("/health/ready", "/health/live", "/metrics")

    before = [(await ask(app, path)).status for path in paths]
    async with plane:
        pass
    after = [(await ask(app, path)).status for path in paths]

    assert before == after == [503, 200, 200]


def none_yet() -> None:
    """Return no plane."""


def missing() -> Monitored:
    """Raise as an attribute does that is not set yet."""
    return FastAPI().state.plane  # type: ignore[no-any-return]


@pytest.mark.parametrize("source", [none_yet, missing])
async def test_a_plane_that_is_not_there_is_not_ready(source: Any) -> None:
    """Given a function that has no plane yet, when asked, then it says so."""
    app = health_app(source, metrics=True)

    ready = await ask(app, "/health")
    metrics = await ask(app, "/metrics")

    assert (ready.status, ready.json["description"]) == (503, "the plane is not there yet")
    assert metrics.status == 200


async def test_a_function_gives_the_plane_of_the_moment() -> None:
    """Given a function, when there is a plane, then it is asked."""
    there: list[DataPlane] = []
    app = health_app(lambda: there[0])

    async with DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane()) as plane:
        there.append(plane)
        await plane.publish(make_exposure(), ack="delivered")
        said = await ask(app, "/health/ready")

    assert said.status == 200


async def test_without_details_only_the_status_is_told() -> None:
    """Given details off, when an outage is asked about, then nothing but the status is said."""
    async with unsteady(TransientError("no route to 10.0.0.7")) as plane:
        await fallen(plane)

        said = await ask(health_app(plane, details=False), "/health")

    assert said.json == {"status": "unhealthy"}


async def test_head_has_the_same_head_and_no_body() -> None:
    """Given HEAD, when asked, then status and length are those of GET."""
    app = health_app(none_yet)
    get = await ask(app, "/health/ready")

    head = await ask(app, "/health/ready", method="HEAD")

    assert head.body == b""
    assert (head.status, head.headers) == (get.status, get.headers)
    assert head.headers["cache-control"] == "no-store"


async def test_other_methods_are_not_allowed() -> None:
    """Given POST, when asked, then 405 says which methods are."""
    said = await ask(health_app(none_yet), "/health/live", method="POST")

    assert (said.status, said.headers["allow"]) == (405, "GET, HEAD")


async def test_other_paths_are_not_found() -> None:
    """Given a path that is not there, when asked, then 404 says what is."""
    said = await ask(health_app(none_yet), "/metrics")

    assert said.status == 404
    assert said.json["error"] == "not found; there are /health, /health/live, /health/ready"


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/internal/health/live", "/internal"),
        ("/health/live", "/internal"),
        ("/health/live", "/health"),
        ("/live", "/health"),
        ("/health/live/", ""),
        ("/live", ""),
    ],
)
async def test_it_answers_wherever_it_is_mounted(path: str, root_path: str) -> None:
    """Given servers that tell the root in either way, when asked, then it is the same page."""
    said = await ask(health_app(none_yet), path, root_path=root_path)

    assert said.json == {"status": "alive"}


@pytest.mark.parametrize("prefix", ["/internal", "/health", ""])
async def test_it_is_mounted_in_an_app(prefix: str) -> None:
    """Given it mounted in FastAPI, when asked below the prefix, then both spellings answer."""
    outer = FastAPI()
    outer.mount(prefix, health_app(none_yet))
    client = AsyncClient(transport=ASGITransport(outer), base_url="http://app")

    async with client:
        live = await client.get(f"{prefix}/live")
        full = await client.get(f"{prefix}/health/ready")

    assert (live.status_code, full.status_code) == (200, 503)


async def test_metrics_are_text_for_prometheus() -> None:
    """Given metrics on, when scraped, then the text parses and has the counters."""
    async with DataPlane(options(flush_interval_ms=1), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure(), ack="delivered")

        said = await ask(health_app(plane, metrics=True), "/metrics")

    families = {each.name: each for each in text_string_to_metric_families(said.body.decode())}
    assert said.headers["content-type"].startswith("text/plain")
    assert families["experimentframework_events_published"].samples[0].value == 1


async def test_metrics_come_in_the_form_that_is_asked_for() -> None:
    """Given a scraper that wants OpenMetrics, when it asks, then it gets that."""
    wanted = "application/openmetrics-text; version=1.0.0"

    said = await ask(health_app(none_yet, metrics=True), "/metrics", headers={"accept": wanted})

    assert said.headers["content-type"].startswith("application/openmetrics-text")
    assert said.body.endswith(b"# EOF\n")


async def test_the_lifespan_of_a_server_is_answered() -> None:
    """Given a server that starts and stops it, when told, then it says that it is done."""
    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, str]:
        return next(incoming)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await health_app(none_yet)({"type": "lifespan"}, receive, send)

    assert [each["type"] for each in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_websocket_is_closed() -> None:
    """Given a websocket, when it connects, then it is closed."""
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await health_app(none_yet)({"type": "websocket", "path": "/health"}, receive, send)

    assert [each["type"] for each in sent] == ["websocket.close"]


async def test_a_plane_that_answers_at_once_will_do() -> None:
    """Given something whose health needs no await, as in synchronous code, then it is asked too."""

    class Plain(DataPlane):
        def health(self) -> Any:
            return self._judge()

    said = await ask(health_app(Plain(options(), backplane=FaultyBackplane())), "/health/ready")

    assert said.status == 503


async def test_a_secret_in_a_foreign_error_is_not_shown() -> None:
    """Given an error that quotes a secret of the options, when asked, then it is ``***``."""
    redaction = PiiRedactionOptions(redact_subject_ids=True, hash_key=Secret("hunter2"))
    error = UnavailableError("login failed with hunter2")
    plane = DataPlane(
        DataPlaneOptions(pii_redaction=redaction, on_failure="drop", shutdown_timeout_ms=1),
        backplane=down(error),
    )
    async with plane:
        await fallen(plane)

        said = await ask(health_app(plane), "/health")

    assert "login failed with ***" in said.json["description"]
    assert b"hunter2" not in said.body


def test_what_is_no_plane_is_refused() -> None:
    """Given something else, when an app is made, then the error says what is taken."""
    with pytest.raises(TypeError, match="takes a plane or a function that returns one, not 5"):
        health_app(5)  # type: ignore[arg-type]  # that is the point
