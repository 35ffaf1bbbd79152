"""Which plane is meant where none is named: the request's, or the only one that is open."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from experimentframework_core.errors import DataPlaneClosedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plane import DataPlane

_serving: ContextVar[DataPlane | None] = ContextVar("plane", default=None)

# Each use is one step of CPython's, so that threads need no lock, which a fork might leave locked.
_open: dict[int, weakref.ref[DataPlane]] = {}


def current_plane() -> DataPlane:
    """Return the plane that serves the current request, else the only one that is open.

    ``PlaneMiddleware`` says which plane serves a request, and so does ``SubjectMiddleware`` in an
    app with `plane_lifespan`. Without them, this is the plane of a process that has one.

    Raises:
        DataPlaneClosedError: No plane is open in this process, or several are.
    """
    if (serving := _serving.get()) is not None:
        return serving
    planes = [plane for ref in list(_open.values()) if (plane := ref()) is not None]
    if len(planes) == 1:
        return planes[0]
    if not planes:
        message = (
            "no DataPlane is open in this process: open one in `async with`, or give the app"
            " lifespan=plane_lifespan(...) or PlaneMiddleware; of an app inside another no server"
            " runs the lifespan"
        )
        raise DataPlaneClosedError(message)
    message = (
        f"{len(planes)} DataPlanes are open in this process, and nothing says which one serves"
        " here: give the decorator plane=, or the app PlaneMiddleware in the place of"
        " plane_lifespan, or add SubjectMiddleware to the app that has the lifespan"
    )
    raise DataPlaneClosedError(message)


@contextmanager
def serving(plane: DataPlane) -> Iterator[None]:
    """Let ``plane`` be the current one inside the ``with``, here and in what is started here."""
    token = _serving.set(plane)
    try:
        yield
    finally:
        _serving.reset(token)


def opened(plane: DataPlane) -> None:
    """Count ``plane`` among the open ones."""
    _open[id(plane)] = weakref.ref(plane)


def closed(plane: DataPlane) -> None:
    """Count ``plane`` no more."""
    _open.pop(id(plane), None)
