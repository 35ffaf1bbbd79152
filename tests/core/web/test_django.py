"""In Django a subject is there in views of both kinds, whichever kind of middleware sets it."""

from __future__ import annotations

from typing import Any

import django
import pytest
from django.core.asgi import get_asgi_application

from experimentframework_core.web import SubjectMiddleware
from tests.core.web import django_project  # noqa: F401 - configures Django
from tests.core.web.driving import client_of


@pytest.fixture(scope="module")
def app() -> Any:
    django.setup()
    return get_asgi_application()


@pytest.mark.parametrize("path", ["/loop", "/thread"])
async def test_a_middleware_of_djangos_identifies(app: Any, path: str) -> None:
    """Given a synchronous middleware, When a view of either kind runs, Then it has the subject."""
    async with client_of(app) as client:
        found = await client.get(path, headers={"x-user": "u-1"})
        nobody = await client.get(path)

    assert (found.text, nobody.text) == ("u-1", "nobody")


@pytest.mark.parametrize("path", ["/loop", "/thread"])
async def test_the_middleware_around_it_identifies(app: Any, path: str) -> None:
    """Given a SubjectMiddleware, When a view of either kind runs, Then it has the subject."""
    async with client_of(SubjectMiddleware(app, lambda _: "u-2")) as client:
        found = await client.get(path)

    assert found.text == "u-2"
