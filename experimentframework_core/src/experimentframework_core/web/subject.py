"""Finds out whom a request is about, and lets that be the subject of all it does."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeAlias

from experimentframework_core._exposure.callee import name_of
from experimentframework_core._exposure.current import serving
from experimentframework_core._exposure.subject import Subject, identify, subject_of
from experimentframework_core._log import Repeated, placed
from experimentframework_core.errors import DataPlaneClosedError
from experimentframework_core.web._asgi import REQUESTS
from experimentframework_core.web.plane import own_plane_of, plane_of
from experimentframework_core.web.request import RequestView

if TYPE_CHECKING:
    from experimentframework_core.web._asgi import ASGIApp, Receive, Scope, Send

Found: TypeAlias = Subject | str | None
SubjectProvider: TypeAlias = Callable[[RequestView], Found | Awaitable[Found]]
"""Returns the subject of a request, or its id; None or an empty text for nobody."""


class SubjectMiddleware:
    """Asks a provider for the subject of each request and WebSocket.

    The subject is there in all that serves the request: handlers, also those that a framework runs
    in threads, streamed answers, background tasks. Where the provider raises or returns what is no
    subject, the request goes on with nobody; that is logged and counted in the plane's
    ``statistics().subject_failures``.

    The plane of an app's `plane_lifespan` is the current one in all that serves the request, also
    in apps that are mounted in it and where several planes are open.

    Attributes:
        failures: How often that was so.
    """

    def __init__(self, app: ASGIApp, provider: SubjectProvider) -> None:
        """Wrap ``app``.

        Args:
            app: The ASGI app.
            provider: Gives the subject, async or not. It runs on the loop, so it may not block.

        Raises:
            TypeError: The provider cannot be called.
        """
        if not callable(provider):
            message = (
                f"provider: unexpected {type(provider).__name__}; expected a function that takes a"
                " RequestView and returns a Subject, an id, or None for nobody"
            )
            raise TypeError(message)
        self.failures = 0
        self._app = app
        self._provider = provider
        self._name = name_of(provider)
        self._warnings = Repeated()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection with its subject."""
        if scope["type"] not in REQUESTS:
            await self._app(scope, receive, send)
            return
        subject = await self._subject_of(scope)
        plane = own_plane_of(scope)
        # An app inside of this one has another state, so the plane is remembered here.
        with identify(subject), serving(plane) if plane else nullcontext():
            await self._app(scope, receive, send)

    async def _subject_of(self, scope: Scope) -> Subject | None:
        try:
            found = self._provider(RequestView(scope))
            given = await found if inspect.isawaitable(found) else found
            return subject_of(None if given == "" else given)
        except Exception as error:  # noqa: BLE001 - a request never fails for its subject
            self._count(scope)
            self._warnings.warning(
                "experimentframework.subject_failed",
                provider=self._name,
                error=placed(error),
            )
            return None

    def _count(self, scope: Scope) -> None:
        self.failures += 1
        try:
            plane = plane_of(scope)
        except DataPlaneClosedError:
            return
        plane.exposures.count_subject_failure()
