"""A project of Django's, in one module: views that say who is the subject, and middleware."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import path

from experimentframework_core.exposure import current_subject, identify

if TYPE_CHECKING:
    from collections.abc import Callable


def who() -> HttpResponse:
    subject = current_subject()
    return HttpResponse(subject.subject_id if subject else "nobody")


async def in_the_loop(request: Any) -> HttpResponse:
    return who()


def in_a_thread(request: Any) -> HttpResponse:
    return who()


urlpatterns = [path("loop", in_the_loop), path("thread", in_a_thread)]


def identified(get_response: Callable[[Any], HttpResponse]) -> Callable[[Any], HttpResponse]:
    """Identify by a header, in a middleware that knows nothing of async."""

    def middleware(request: Any) -> HttpResponse:
        user = request.headers.get("x-user")
        block: AbstractContextManager[object] = identify(user) if user else nullcontext()
        with block:
            return get_response(request)

    return middleware


if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["test"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[f"{__name__}.{identified.__name__}"],
        SECRET_KEY="of a test",
    )
