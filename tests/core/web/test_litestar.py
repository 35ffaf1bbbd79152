"""In Litestar the middleware, the lifespan and the decorator work as elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar, Request, get
from litestar.middleware import DefineMiddleware
from litestar.params import FromQuery  # noqa: TC002 - Litestar reads the annotations

from experimentframework_core import DataPlane
from experimentframework_core.exposure import exposure
from experimentframework_core.testing import Sink
from experimentframework_core.web import RequestView, SubjectMiddleware, plane_lifespan, plane_of
from tests.core.web.driving import running

sink = Sink()


def by_query(request: RequestView) -> str | None:
    return request.query["user"]


@get("/explicit")
async def explicit(request: Request[Any, Any, Any]) -> str:
    return (await plane_of(request).expose("checkout", "explicit")).status


@get("/decorated")
@exposure("checkout", parameter="variant")
async def decorated(variant: FromQuery[str], page: FromQuery[int] = 1) -> str:
    return f"{variant} {page}"


@get("/thread", sync_to_thread=True)
@exposure("checkout", parameter="variant")
def in_thread(variant: FromQuery[str], page: FromQuery[int] = 1) -> str:
    return f"{variant} {page}"


def make_app() -> Litestar:
    return Litestar(
        [explicit, decorated, in_thread],
        lifespan=[plane_lifespan(lambda: DataPlane(backplane=sink))],
        middleware=[DefineMiddleware(SubjectMiddleware, provider=by_query)],
        openapi_config=None,
    )


@pytest.mark.parametrize(
    ("path", "answer", "variant"),
    [
        ("/explicit?user=u-1", "accepted", "explicit"),
        ("/decorated?user=u-1&variant=v&page=2", "v 2", "v"),
        ("/thread?user=u-1&variant=v&page=2", "v 2", "v"),
    ],
)
async def test_a_handler_records_its_exposure(path: str, answer: str, variant: str) -> None:
    """Given handlers of every kind, When they are called, Then each exposure has its subject."""
    sink.records.clear()

    async with running(make_app()) as client:
        found = await client.get(path)

    assert found.text == answer
    assert [(each.subject, each.variant) for each in sink.records] == [("u-1", variant)]


async def test_a_failing_provider_is_counted_by_the_apps_plane() -> None:
    """Given a provider that fails, When a request comes, Then it is served, and counted."""
    app = make_app()

    async with running(app) as client:
        found = await client.get("/decorated?variant=v")
        statistics = app.state.plane.statistics()

    assert found.status_code == 200
    assert (statistics.subject_failures, statistics.filtered) == (1, {"noSubject": 1})
