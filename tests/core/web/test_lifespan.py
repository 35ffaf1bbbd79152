"""A lifespan opens the plane before the app serves, and drains it afterwards."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from litestar import Litestar, Request, get
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from experimentframework_core import ConfigurationError, DataPlane, DataPlaneClosedError
from experimentframework_core.exposure import exposure
from experimentframework_core.sync import SyncDataPlane
from experimentframework_core.testing import Sink
from experimentframework_core.web import SubjectMiddleware, plane_lifespan, plane_of
from tests.core.web.driving import Server, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response


async def expose(request: StarletteRequest) -> Response:
    receipt = await plane_of(request).expose("checkout", "express", subject="u-1")
    return PlainTextResponse(receipt.status)


@get("/")
async def expose_litestar(request: Request[Any, Any, Any]) -> str:
    return (await plane_of(request).expose("checkout", "express", subject="u-1")).status


def starlette(lifespan: Any) -> Any:
    return Starlette(routes=[Route("/", expose)], lifespan=lifespan)


def fastapi(lifespan: Any) -> Any:
    app = FastAPI(lifespan=lifespan)
    app.add_route("/", expose)
    return app


def litestar(lifespan: Any) -> Any:
    return Litestar([expose_litestar], lifespan=[lifespan], openapi_config=None)


apps = pytest.mark.parametrize("app_with", [starlette, fastapi, litestar])


@apps
async def test_the_plane_is_open_while_the_app_serves(app_with: Any) -> None:
    """Given an app with the lifespan, When it has served and ended, Then all is delivered."""
    sink = Sink()
    app = app_with(plane_lifespan(lambda: DataPlane(backplane=sink)))

    async with running(app) as client:
        answer = await client.get("/")
        plane = app.state.plane

    assert answer.text == "accepted"
    assert len(sink.records) == 1
    assert plane.closing is not None
    assert not hasattr(app.state, "plane")


@apps
async def test_an_app_may_start_again(app_with: Any) -> None:
    """Given an app that has ended, When it starts again, Then it has a new plane."""
    sink = Sink()
    app = app_with(plane_lifespan(lambda: DataPlane(backplane=sink)))

    for _ in range(2):
        async with running(app) as client:
            await client.get("/")

    assert len(sink.records) == 2


async def test_the_apps_own_lifespan_runs_inside() -> None:
    """Given a lifespan of the app's, When both run, Then its plane is open, and its state kept."""
    sink = Sink()

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[dict[str, str]]:
        await app.state.plane.expose("checkout", "start", subject="u-1")
        yield {"greeting": "hello"}
        await app.state.plane.expose("checkout", "end", subject="u-1")

    async def greet(request: StarletteRequest) -> Response:
        return PlainTextResponse(request.state.greeting)

    lifespan = plane_lifespan(lambda: DataPlane(backplane=sink), own)
    app = Starlette(routes=[Route("/", greet)], lifespan=lifespan)
    server = Server(app)

    await server.start()
    await server.stop()

    assert [record.variant for record in sink.records] == ["start", "end"]


async def test_what_it_yields_is_passed_on() -> None:
    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[dict[str, str]]:
        yield {"greeting": "hello"}

    lifespan = plane_lifespan(lambda: DataPlane(backplane=Sink()), own)

    async with lifespan(Starlette()) as state:
        found = state

    assert found == {"greeting": "hello"}


async def test_a_failing_lifespan_closes_the_plane() -> None:
    """Given a lifespan of the app's that fails, When it starts, Then the plane is closed."""
    planes = []

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[None]:
        planes.append(app.state.plane)
        raise KeyError("mine")
        yield

    with pytest.raises(KeyError, match="mine"):
        async with plane_lifespan(lambda: DataPlane(backplane=Sink()), own)(Starlette()):
            pass

    assert planes[0].closing is not None


async def test_a_configuration_file_is_a_source(tmp_path: Path) -> None:
    file = tmp_path / "experiments.yaml"
    file.write_text("dataPlane: {batchSize: 7, backplane: {type: inMemory}}")
    app = Starlette(lifespan=plane_lifespan(file))

    async with running(app):
        options = app.state.plane.options

    assert options.batch_size == 7


async def test_a_bad_configuration_keeps_the_app_from_starting(tmp_path: Path) -> None:
    """Given a file with a mistake, When the app starts, Then the server is told what it is."""
    file = tmp_path / "experiments.yaml"
    file.write_text("dataPlane: {batchsize: 7, backplane: {type: inMemory}}")
    server = Server(Starlette(lifespan=plane_lifespan(file)))

    answer = await server.start()
    with pytest.raises(ConfigurationError):
        await server.ended()

    assert answer["type"] == "lifespan.startup.failed"
    assert "dataPlane.batchsize: unknown key" in answer["message"]


def test_a_plane_is_no_source() -> None:
    """Given a plane, which opens once, When it is the source, Then that is refused at once."""
    plane: Any = DataPlane(backplane=Sink())

    with pytest.raises(TypeError, match="a DataPlane is no source of a plane: give the path"):
        plane_lifespan(plane)


async def test_an_app_without_an_open_plane_says_so() -> None:
    """Given a server without lifespan, When a handler asks, Then it is told what is missing."""
    app = starlette(plane_lifespan(lambda: DataPlane(backplane=Sink())))

    with pytest.raises(DataPlaneClosedError, match="plane_lifespan"):
        plane_of({"type": "http", "app": app})


@pytest.mark.parametrize("given", [3, None, SyncDataPlane(backplane=Sink())])
async def test_a_function_that_makes_no_plane_is_named(given: Any) -> None:
    """Given a function that makes something else, When an app starts, Then the error names both."""

    def make() -> Any:
        return given

    said = rf"make gave a {type(given).__name__}: the source of a plane is a function, not async"

    with pytest.raises(TypeError, match=said):
        async with plane_lifespan(make)(Starlette()):
            pass


async def test_of_several_apps_each_request_has_its_own_ones_plane() -> None:
    """Given two apps, each with a plane and an app inside, When these record, Then each has it."""

    @exposure("checkout", "decorated")
    async def both(request: StarletteRequest) -> Response:
        return await expose(request)

    @exposure("checkout", "decorated")
    def in_thread(request: StarletteRequest) -> Response:
        return PlainTextResponse(plane_of(request).expose_sync("checkout", "thread").status)

    def app_with(sink: Sink) -> Starlette:
        inner = Starlette(routes=[Route("/", both), Route("/thread", in_thread)])
        app = Starlette(
            routes=[Mount("/shop", inner)],
            lifespan=plane_lifespan(lambda: DataPlane(backplane=sink)),
        )
        app.add_middleware(SubjectMiddleware, provider=lambda _: "u-1")
        return app

    one, other = Sink(), Sink()

    async with running(app_with(one)) as client, running(app_with(other)) as client_of_other:
        for path in ("/shop/", "/shop/thread"):
            await client.get(path)
        await client_of_other.get("/shop/")

    recorded = [record.variant for record in one.records]
    assert recorded == ["decorated", "express", "decorated", "thread"]
    assert [record.variant for record in other.records] == ["decorated", "express"]


async def test_a_mounted_app_has_the_outer_ones_plane() -> None:
    """Given an app inside another, When its handlers ask, Then they get the only open plane."""
    sink = Sink()

    @exposure("checkout", "express", subject="u-2")
    async def both(request: StarletteRequest) -> Response:
        return await expose(request)

    inner = Starlette(routes=[Route("/", both)])
    lifespan = plane_lifespan(lambda: DataPlane(backplane=sink))
    app = Starlette(routes=[Mount("/shop", inner)], lifespan=lifespan)

    async with running(app) as client:
        answer = await client.get("/shop/")

    assert answer.text == "accepted"
    assert [record.subject for record in sink.records] == ["u-2", "u-1"]
