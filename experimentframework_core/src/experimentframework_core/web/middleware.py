"""A plane for any ASGI app, with a lifespan of its own or without one, as Django's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._exposure.current import serving
from experimentframework_core._log import logger
from experimentframework_core.plane import DataPlane
from experimentframework_core.web._asgi import REQUESTS
from experimentframework_core.web._lifespan import LifespanAround
from experimentframework_core.web.lifespan import PlaneSource, maker_of
from experimentframework_core.web.plane import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.web._asgi import ASGIApp, Receive, Scope, Send


class PlaneMiddleware:
    """Opens a plane with the app, drains it at the app's end, and gives it to each request.

    `plane_of` gives it to a handler, and `current_plane` to what the handler calls. For an app
    that has no lifespan this answers the server's. A server that sends none, as ``uvicorn
    --lifespan off`` does, has the plane opened by the first request. That is logged: nobody drains
    it then, and what waits in memory when the process ends is lost.
    """

    def __init__(self, app: ASGIApp, source: PlaneSource | DataPlane) -> None:
        """Wrap ``app``; nothing is opened.

        Args:
            app: The ASGI app.
            source: A configuration file or folder, or a function that makes the plane; or a plane
                that is opened and closed elsewhere.

        Raises:
            TypeError: The source is none of these.
        """
        self._app = app
        self._plane = source if isinstance(source, DataPlane) else None
        self._opens = self._plane is None
        self._make = _same(source) if isinstance(source, DataPlane) else maker_of(source)
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection with the plane, or the server's lifespan around it."""
        if scope["type"] == "lifespan" and self._opens:
            await LifespanAround(self._app, self._open).run(scope, receive, send)
        elif scope["type"] in REQUESTS:
            plane = self._plane or await self._opened_late()
            state = {**scope.get("state", {}), KEY: plane}
            with serving(plane):
                await self._app({**scope, "state": state}, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _open(self) -> DataPlane:
        self._plane = await self._make().__aenter__()
        return self._plane

    async def _opened_late(self) -> DataPlane:
        async with self._opening:
            if self._plane is None:
                logger.warning("experimentframework.plane_opened_late")
                return await self._open()
            return self._plane


def _same(plane: DataPlane) -> Callable[[], DataPlane]:
    return lambda: plane
