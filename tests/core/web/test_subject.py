"""The middleware's subject is that of all that serves the request, and of nothing else."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from experimentframework_core import DataPlane
from experimentframework_core.exposure import Subject, current_subject, identify
from experimentframework_core.testing import Sink
from experimentframework_core.web import PlaneMiddleware, RequestView, SubjectMiddleware
from tests.core.web.driving import client_of, talk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

    from experimentframework_core.web import SubjectProvider

in_background: list[str | None] = []


def who() -> str | None:
    subject = current_subject()
    return subject.subject_id if subject else None


async def here(request: Request) -> Response:
    await asyncio.sleep(0)
    return PlainTextResponse(str(who()))


def in_thread(request: Request) -> Response:
    return PlainTextResponse(str(who()))


async def streamed(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        for _ in range(2):
            await asyncio.sleep(0)
            yield str(who())

    return StreamingResponse(parts())


async def streamed_in_threads(request: Request) -> Response:
    def parts() -> Iterator[str]:
        for _ in range(2):
            yield str(who())

    return StreamingResponse(parts())


async def afterwards(request: Request) -> Response:
    return PlainTextResponse("", background=BackgroundTask(lambda: in_background.append(who())))


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    async for _ in socket.iter_text():
        await socket.send_text(str(who()))


routes = [
    Route("/here", here),
    Route("/thread", in_thread),
    Route("/streamed", streamed),
    Route("/streamed-in-threads", streamed_in_threads),
    Route("/afterwards", afterwards),
    WebSocketRoute("/chat", chat),
]


def by_header(request: RequestView) -> str | None:
    return request.headers.get("x-user")


async def by_header_later(request: RequestView) -> Subject | None:
    await asyncio.sleep(0)
    user = request.headers.get("x-user")
    return Subject(user) if user else None


def app_with(provider: SubjectProvider) -> Starlette:
    app = Starlette(routes=routes)
    app.add_middleware(SubjectMiddleware, provider=provider)
    return app


@pytest.mark.parametrize("provider", [by_header, by_header_later])
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/here", "u-1"),
        ("/thread", "u-1"),
        ("/streamed", "u-1u-1"),
        ("/streamed-in-threads", "u-1u-1"),
    ],
)
async def test_it_is_there_wherever_the_request_is_served(
    provider: SubjectProvider, path: str, answer: str
) -> None:
    """Given a provider, When a request is served in any way, Then its subject is the current."""
    async with client_of(app_with(provider)) as client:
        found = await client.get(path, headers={"x-user": "u-1"})

    assert found.text == answer


async def test_it_reaches_background_tasks() -> None:
    in_background.clear()

    async with client_of(app_with(by_header)) as client:
        await client.get("/afterwards", headers={"x-user": "u-1"})

    assert in_background == ["u-1"]


async def test_it_reaches_through_middleware_with_tasks_of_its_own() -> None:
    """Given a BaseHTTPMiddleware inside, When a request comes, Then its subject is there."""

    async def passing(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    app = Starlette(routes=routes)
    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    app.add_middleware(SubjectMiddleware, provider=by_header)

    async with client_of(app) as client:
        found = await client.get("/thread", headers={"x-user": "u-1"})

    assert found.text == "u-1"


async def test_a_websocket_has_one_subject() -> None:
    app = app_with(by_header)

    found = await talk(app, "/chat", "?", "?", headers={"x-user": "u-1"})

    assert found == ["u-1", "u-1"]


async def test_requests_side_by_side_have_each_their_own() -> None:
    """Given many requests at once, When they are served, Then each has its own subject."""
    users = [f"u-{number}" for number in range(50)]

    async with client_of(app_with(by_header_later)) as client:
        answers = await asyncio.gather(
            *(client.get("/thread", headers={"x-user": user}) for user in users)
        )

    assert [answer.text for answer in answers] == users


async def test_it_is_taken_back_after_the_request() -> None:
    """Given an app called in this task, When it has answered, Then the subject is as before."""
    seen = []

    async def app(*_: object) -> None:
        seen.append(who())

    middleware = SubjectMiddleware(app, lambda _: "u-1")

    with identify("outer"):
        await middleware({"type": "http"}, no_receive, no_send)
        behind = who()

    assert (seen, behind) == (["u-1"], "outer")


async def test_it_is_taken_back_when_the_app_fails() -> None:
    async def app(*_: object) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await SubjectMiddleware(app, lambda _: "u-1")({"type": "http"}, no_receive, no_send)

    assert current_subject() is None


@pytest.mark.parametrize("nobody", [None, ""])
async def test_nobody_is_nobody(nobody: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Given requests without a user, When they are served, Then there is no subject, no log."""
    async with client_of(app_with(lambda _: nobody)) as client:
        found = await client.get("/here")

    assert found.text == "None"
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def fails(request: RequestView) -> str:
    return request.headers["x-user"] + "secret"


async def fails_later(request: RequestView) -> str:
    await asyncio.sleep(0)
    return fails(request)


def gives_a_number(request: RequestView) -> Any:
    return 7


def gives_zero(request: RequestView) -> Any:
    return 0


def gives_false(request: RequestView) -> Any:
    return False


def gives_a_list(request: RequestView) -> Any:
    return []


def takes_nothing() -> str:
    return "u-1"


def gives_bad_attributes(request: RequestView) -> Subject:
    return Subject("u-1", attributes={"user": object()})


def gives_a_long_id(request: RequestView) -> str:
    return "secret" * 100


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (fails, r"KeyError at .*test_subject\.py:\d+"),
        (fails_later, r"KeyError at .*test_subject\.py:\d+"),
        (gives_a_number, "subject_id: unexpected int; expected text"),
        (gives_zero, "subject_id: unexpected int; expected text"),
        (gives_false, "subject_id: unexpected bool; expected text"),
        (gives_a_list, "subject_id: unexpected list; expected text"),
        (gives_bad_attributes, "attributes.user: object has no JSON form here"),
        (takes_nothing, r"TypeError at "),
        (gives_a_long_id, "subject_id: 600 characters; it takes 1 to 256"),
    ],
)
async def test_a_provider_that_fails_costs_no_request(
    provider: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a provider that fails, When requests come, Then they are served, logged once, counted.

    The log names the provider, and has nothing of what it was given.
    """
    async with DataPlane(backplane=Sink()) as plane:
        app = PlaneMiddleware(app_with(provider), plane)
        async with client_of(app) as client:
            answers = [await client.get("/here") for _ in range(3)]
        counted = plane.statistics().subject_failures

    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "None")] * 3
    assert counted == 3
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    named = f"provider='tests.core.web.test_subject.{provider.__name__}'"
    assert re.search(f"experimentframework.subject_failed {named} error=.{said}", warning.message)
    assert "secret" not in warning.message


def test_what_cannot_be_called_is_no_provider() -> None:
    """Given a text, When it is to be the provider, Then that is refused when it is made."""
    text: Any = "abc"

    with pytest.raises(TypeError, match="provider: unexpected str; expected a function that"):
        SubjectMiddleware(Starlette(), provider=text)


async def test_without_a_plane_it_counts_for_itself() -> None:
    middleware = SubjectMiddleware(Starlette(routes=routes), fails)

    async with client_of(middleware) as client:
        answer = await client.get("/here")

    assert answer.status_code == 200
    assert middleware.failures == 1


async def test_a_cancelled_provider_is_cancelled() -> None:
    """Given a client that goes away, When the provider is cancelled, Then that is no failure."""

    async def hangs(request: RequestView) -> str:
        await asyncio.Event().wait()
        return "never"

    middleware = SubjectMiddleware(Starlette(), hangs)
    task = asyncio.create_task(middleware({"type": "http"}, no_receive, no_send))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert middleware.failures == 0


async def test_a_lifespan_has_no_subject() -> None:
    """Given the server's lifespan, When it passes, Then the provider is not asked."""
    seen = []

    async def app(scope: Any, receive: object, send: object) -> None:
        seen.append(scope["type"])

    middleware = SubjectMiddleware(app, fails)

    await middleware({"type": "lifespan"}, no_receive, no_send)

    assert seen == ["lifespan"]
    assert middleware.failures == 0


async def no_receive() -> dict[str, Any]:
    raise AssertionError


async def no_send(message: object) -> None:
    raise AssertionError
