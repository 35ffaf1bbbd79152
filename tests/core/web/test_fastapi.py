"""In FastAPI the plane is a parameter, and decorated handlers keep theirs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator  # noqa: TC003 - FastAPI reads the annotations
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Query

from experimentframework_core import DataPlane
from experimentframework_core.exposure import exposure, identify
from experimentframework_core.testing import Sink
from experimentframework_core.web import RequestView, SubjectMiddleware, plane_lifespan
from experimentframework_core.web.fastapi import Plane  # noqa: TC001 - FastAPI reads the annotations
from tests.core.web.driving import running


def variant_of(user: Annotated[str, Query()]) -> str:
    return f"variant-of-{user}"


sink = Sink()
app = FastAPI(lifespan=plane_lifespan(lambda: DataPlane(backplane=sink)))


def by_query(request: RequestView) -> str | None:
    return request.query.get("user")


app.add_middleware(SubjectMiddleware, provider=by_query)


@app.get("/explicit")
async def explicit(plane: Plane) -> str:
    return (await plane.expose("checkout", "explicit")).status


@app.get("/decorated")
@exposure("checkout", parameter="variant")
async def decorated(variant: Annotated[str, Depends(variant_of)], page: int = 1) -> str:
    return f"{variant} {page}"


@app.get("/thread")
@exposure("checkout", parameter="variant")
def in_thread(variant: Annotated[str, Depends(variant_of)], page: int = 1) -> str:
    return f"{variant} {page}"


@app.get("/thread-explicit")
def in_thread_explicit(plane: Plane) -> str:
    return plane.expose_sync("checkout", "explicit").status


@pytest.mark.parametrize(
    ("path", "answer", "variant"),
    [
        ("/explicit?user=u-1", "accepted", "explicit"),
        ("/thread-explicit?user=u-1", "accepted", "explicit"),
        ("/decorated?user=u-1&page=2", "variant-of-u-1 2", "variant-of-u-1"),
        ("/thread?user=u-1&page=2", "variant-of-u-1 2", "variant-of-u-1"),
    ],
)
async def test_a_handler_records_its_exposure(path: str, answer: str, variant: str) -> None:
    """Given handlers of every kind, When they are called, Then each exposure has its subject."""
    sink.records.clear()

    async with running(app) as client:
        found = await client.get(path)

    assert found.json() == answer
    assert [(each.subject, each.variant) for each in sink.records] == [("u-1", variant)]


async def test_parameters_are_still_checked() -> None:
    """Given a decorated handler, When a parameter is wrong, Then FastAPI refuses it as ever."""
    sink.records.clear()

    async with running(app) as client:
        found = await client.get("/decorated?user=u-1&page=two")

    assert found.status_code == 422
    assert sink.records == []


async def test_a_request_of_nobody_is_served() -> None:
    """Given no user, When decorated and plain handlers are called, Then only expose() refuses."""

    @app.get("/anonymous")
    @exposure("checkout", "express")
    async def anonymous() -> str:
        return "page"

    async with running(app) as client:
        found = await client.get("/anonymous")
        filtered = app.state.plane.statistics().filtered

    assert found.json() == "page"
    assert filtered == {"noSubject": 1}


async def signed_in(user: Annotated[str, Query()]) -> AsyncIterator[None]:
    with identify(f"dependency-{user}"):
        yield


@app.get("/dependency", dependencies=[Depends(signed_in)])
@exposure("checkout", "express")
def dependent() -> str:
    return "page"


async def test_an_async_dependency_may_identify() -> None:
    """Given a dependency that identifies, When its handler runs in a thread, Then it counts."""
    sink.records.clear()

    async with running(app) as client:
        found = await client.get("/dependency?user=u-1")

    assert found.json() == "page"
    assert [each.subject for each in sink.records] == ["dependency-u-1"]


def test_without_fastapi_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no FastAPI, When its module is imported, Then the error has the command."""
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.delitem(sys.modules, "experimentframework_core.web.fastapi")

    with pytest.raises(ModuleNotFoundError, match="fastapi is missing: pip install fastapi"):
        importlib.import_module("experimentframework_core.web.fastapi")
