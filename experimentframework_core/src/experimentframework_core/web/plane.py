"""The plane of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from experimentframework_core._exposure.current import current_plane
from experimentframework_core.plane import DataPlane

if TYPE_CHECKING:
    from experimentframework_core.web._asgi import HasScope, Scope

KEY = "plane"
"""Its name in the state of a request, and in that of an app."""


def plane_of(connection: HasScope | Scope) -> DataPlane:
    """Return the plane that serves a request.

    It is the one of `PlaneMiddleware`, else the one of the app's `plane_lifespan`, else the only
    one that is open, see `current_plane`.

    Args:
        connection: The request or WebSocket of a framework, or its ASGI scope.

    Raises:
        DataPlaneClosedError: There is none: the app has no lifespan that opens one, or the server
            does not run it.
    """
    scope = connection if isinstance(connection, Mapping) else connection.scope
    return own_plane_of(scope) or current_plane()


def own_plane_of(scope: Scope) -> DataPlane | None:
    """Return the plane that the request's own state has, or that of its app; None without."""
    state = scope.get("state")
    if isinstance(state, Mapping) and isinstance(plane := state.get(KEY), DataPlane):
        return plane
    # Litestar keeps the outer app in `app`, and its own in a key of its own.
    for app in (scope.get("app"), scope.get("litestar_app")):
        if isinstance(plane := getattr(getattr(app, "state", None), KEY, None), DataPlane):
            return plane
    return None
