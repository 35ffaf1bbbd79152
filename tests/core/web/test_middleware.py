"""`PlaneMiddleware` gives any ASGI app a plane, whether it has a lifespan or not."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from experimentframework_core import ConfigurationError, DataPlane, DataPlaneClosedError
from experimentframework_core.exposure import current_plane, exposure
from experimentframework_core.sync import SyncDataPlane
from experimentframework_core.testing import FaultyBackplane, Sink, slow
from experimentframework_core.web import PlaneMiddleware, plane_of
from tests.core.web.driving import Message, Server, client_of, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response


async def respond(send: Any, text: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Serve as Django does: HTTP only."""
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    receipt = await plane_of(scope).expose("checkout", "express", subject="u-1")
    await respond(send, receipt.status)


async def that_ignores_it(scope: Any, receive: Any, send: Any) -> None:
    """Return from the lifespan without a word."""
    if scope["type"] == "http":
        await without_lifespan(scope, receive, send)


async def that_returns_early(scope: Any, receive: Any, send: Any) -> None:
    """Start, and do not wait for the end."""
    if scope["type"] == "lifespan":
        assert await receive() == {"type": "lifespan.startup"}
        await send({"type": "lifespan.startup.complete"})
    else:
        await without_lifespan(scope, receive, send)


async def expose(request: Request) -> Response:
    receipt = await plane_of(request).expose("checkout", "express", subject="u-1")
    return PlainTextResponse(receipt.status)


def with_lifespan() -> Starlette:
    return Starlette(routes=[Route("/", expose)])


@pytest.mark.parametrize(
    "app", [without_lifespan, that_ignores_it, that_returns_early, with_lifespan()]
)
async def test_the_plane_is_open_while_the_app_serves(app: Any) -> None:
    """Given any app, When the server starts, asks and ends it, Then all is delivered."""
    sink = Sink()
    planes: list[DataPlane] = []

    def make() -> DataPlane:
        planes.append(DataPlane(backplane=sink))
        return planes[-1]

    async with running(PlaneMiddleware(app, make)) as client:
        answer = await client.get("/")

    assert answer.text == "accepted"
    assert len(sink.records) == 1
    assert [plane.closing is not None for plane in planes] == [True]


async def test_the_server_hears_of_the_end_when_all_is_delivered() -> None:
    """Given a slow destination, When the app ends, Then the plane is drained before the answer."""
    faulty = FaultyBackplane([slow(0.05)])
    server = Server(PlaneMiddleware(with_lifespan(), lambda: DataPlane(backplane=faulty)))

    await server.start()
    await current_plane().expose("checkout", "express", subject="u-1")
    answer = await server.stop()

    assert answer == {"type": "lifespan.shutdown.complete"}
    assert isinstance(faulty.inner, Sink)
    assert len(faulty.inner.records) == 1


async def test_the_apps_own_lifespan_has_the_plane() -> None:
    """Given an app that publishes when it starts and ends, When it does, Then the plane is open."""
    sink = Sink()

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[None]:
        await current_plane().expose("checkout", "start", subject="u-1")
        yield
        await current_plane().expose("checkout", "end", subject="u-1")

    server = Server(PlaneMiddleware(Starlette(lifespan=own), lambda: DataPlane(backplane=sink)))

    await server.start()
    await server.stop()

    assert [record.variant for record in sink.records] == ["start", "end"]


@pytest.mark.parametrize("at", ["start", "end"])
async def test_a_failing_lifespan_is_told_and_the_plane_closed(at: str) -> None:
    """Given an app that fails to start or to end, When it does, Then the server gets its error."""
    planes: list[DataPlane] = []

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[None]:
        planes.append(current_plane())
        if at == "start":
            raise KeyError("mine")
        yield
        raise KeyError("mine")

    server = Server(PlaneMiddleware(Starlette(lifespan=own), lambda: DataPlane(backplane=Sink())))
    await server.start()

    with pytest.raises(KeyError, match="mine"):
        await (server.ended() if at == "start" else server.stop())

    heard = [message["type"] for message in server.heard]
    assert (
        heard
        == {
            "start": ["lifespan.startup.failed"],
            "end": ["lifespan.startup.complete", "lifespan.shutdown.failed"],
        }[at]
    )
    assert planes[0].closing is not None


async def test_an_end_that_failed_is_the_only_answer() -> None:
    """Given an app that says that its end failed, When it ends, Then the server hears just that."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "mine"})

    server = Server(PlaneMiddleware(app, lambda: DataPlane(backplane=Sink())))

    await server.start()
    await server.stop()

    assert server.heard[1:] == [{"type": "lifespan.shutdown.failed", "message": "mine"}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "a int is no source of a plane"),
        (lambda: 3, r"<lambda> gave a int: the source of a plane is a function"),
        (lambda: SyncDataPlane(backplane=Sink()), "gave a SyncDataPlane: the source of a plane"),
    ],
)
async def test_what_is_no_plane_is_refused(given: Any, said: str) -> None:
    """Given something else, When it is to be a plane's source, Then the error says what it is."""
    with pytest.raises(TypeError, match=said):
        await PlaneMiddleware(without_lifespan, given)({"type": "http"}, None, None)  # type: ignore[arg-type]


async def test_a_bad_configuration_keeps_the_app_from_starting(tmp_path: Path) -> None:
    """Given a file with a mistake, When the app starts, Then the server is told what it is."""
    file = tmp_path / "experiments.yaml"
    file.write_text("dataPlane: {batchsize: 7, backplane: {type: inMemory}}")
    server = Server(PlaneMiddleware(without_lifespan, file))

    answer = await server.start()
    await server.ended()

    assert answer["type"] == "lifespan.startup.failed"
    assert "dataPlane.batchsize: unknown key" in answer["message"]


async def test_without_a_lifespan_the_first_request_opens_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given a server that sends none, When requests come at once, Then one plane serves all."""
    sink = Sink()
    planes: list[DataPlane] = []

    def make() -> DataPlane:
        planes.append(DataPlane(backplane=sink))
        return planes[-1]

    async with client_of(PlaneMiddleware(without_lifespan, make)) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
    (plane,) = planes
    await plane.aclose()

    assert [answer.text for answer in answers] == ["accepted"] * 5
    assert len(sink.records) == 5
    warnings = [each.message for each in caplog.records if each.levelno >= logging.WARNING]
    assert warnings == ["experimentframework.plane_opened_late"]


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
async def test_a_request_that_is_cancelled_while_it_opens_leaves_nothing(
    turns: int, tmp_path: Path
) -> None:
    """Given a first request that is cancelled, When the next comes, Then one plane is open."""
    file = tmp_path / "experiments.yaml"
    buffer = f"{{type: disk, path: '{tmp_path}/buffer'}}"
    file.write_text(f"dataPlane: {{buffer: {buffer}, backplane: {{type: inMemory}}}}")
    app = PlaneMiddleware(without_lifespan, file)

    async with client_of(app) as client:
        first = asyncio.create_task(client.get("/"))
        for _ in range(turns):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        answer = await client.get("/")
        await current_plane().aclose()

    assert answer.text == "accepted"
    with pytest.raises(DataPlaneClosedError):
        current_plane()


async def test_a_plane_that_cannot_be_opened_late_is_tried_again(tmp_path: Path) -> None:
    """Given a bad file and no lifespan, When it is mended, Then the next request is served."""
    file = tmp_path / "experiments.yaml"
    app = PlaneMiddleware(without_lifespan, file)

    async with client_of(app) as client:
        file.write_text("dataPlane: {}")
        with pytest.raises(ConfigurationError):
            await client.get("/")
        file.write_text("dataPlane: {backplane: {type: inMemory}}")
        answer = await client.get("/")
        await current_plane().aclose()

    assert answer.text == "accepted"


async def test_a_plane_that_is_open_elsewhere_is_only_handed_on() -> None:
    """Given an open plane, When an app's lifespan has passed with it, Then it is open still."""
    async with DataPlane(backplane=Sink()) as plane:
        async with running(PlaneMiddleware(with_lifespan(), plane)) as client:
            answer = await client.get("/")
        closing = plane.closing

    assert answer.text == "accepted"
    assert closing is None


async def test_each_of_several_apps_has_its_plane() -> None:
    """Given two apps in one process, When each records, Then each plane has its own exposures."""
    sinks = {"shop": Sink(), "blog": Sink()}

    @exposure("checkout", "decorated", subject="u-1")
    def work(request: Request) -> Response:
        return PlainTextResponse("")

    inner = Starlette(routes=[Route("/", work)])
    async with DataPlane(backplane=sinks["shop"]) as shop, DataPlane(backplane=sinks["blog"]) as b:
        app = Starlette(
            routes=[
                Mount("/shop", PlaneMiddleware(inner, shop)),
                Mount("/blog", PlaneMiddleware(inner, b)),
            ]
        )
        async with client_of(app) as client:
            for path in ("/shop/", "/shop/", "/blog/"):
                await client.get(path)

    assert {name: len(sink.records) for name, sink in sinks.items()} == {"shop": 2, "blog": 1}


async def test_the_state_of_the_request_is_kept() -> None:
    """Given what the lifespan left in the state, When a request comes, Then the app sees both."""
    seen: list[Message] = []

    async def app(scope: Any, receive: object, send: object) -> None:
        seen.append(scope["state"])

    async def nothing(*_: object) -> Any: ...

    async with DataPlane(backplane=Sink()) as plane:
        scope = {"type": "http", "state": {"db": 1}}
        await PlaneMiddleware(app, plane)(scope, nothing, nothing)

    assert seen == [{"db": 1, "plane": plane}]
    assert scope == {"type": "http", "state": {"db": 1}}
