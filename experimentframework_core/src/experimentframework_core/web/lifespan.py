"""A lifespan for Starlette, FastAPI and Litestar that opens a plane and drains it."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from experimentframework_core._exposure.callee import name_of
from experimentframework_core.plane import DataPlane
from experimentframework_core.web.plane import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class HasState(Protocol):
    """An app of Starlette, FastAPI or Litestar."""

    state: Any


App = TypeVar("App", bound=HasState)
State = TypeVar("State")
PlaneSource: TypeAlias = "str | os.PathLike[str] | Callable[[], DataPlane]"
"""A configuration file or folder, or what makes a plane that is not open yet."""


@overload
def plane_lifespan(
    source: PlaneSource,
) -> Callable[[HasState], AbstractAsyncContextManager[None]]: ...


@overload
def plane_lifespan(
    source: PlaneSource, lifespan: Callable[[App], AbstractAsyncContextManager[State]]
) -> Callable[[App], AbstractAsyncContextManager[State]]: ...


def plane_lifespan(
    source: PlaneSource,
    lifespan: Callable[[Any], AbstractAsyncContextManager[Any]] | None = None,
) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    """Return a lifespan with an open plane, which is ``app.state.plane`` meanwhile.

    The plane is open before the first request, in the process that serves it, and is drained
    after the last one. ``FastAPI(lifespan=plane_lifespan("experiments.yaml"))``; for Litestar,
    ``lifespan=[plane_lifespan("experiments.yaml")]``.

    Args:
        source: A configuration file or folder, or a function that makes the plane, since a plane
            opens once and an app may start again.
        lifespan: The app's own lifespan, which runs inside: it may use the plane, also in the
            end. What it yields is passed on.

    Raises:
        TypeError: The source is neither.
    """
    make = maker_of(source)

    @asynccontextmanager
    async def opened(app: HasState) -> AsyncIterator[object]:
        async with AsyncExitStack() as stack:
            setattr(app.state, KEY, await stack.enter_async_context(make()))
            stack.callback(delattr, app.state, KEY)
            yield await stack.enter_async_context(lifespan(app)) if lifespan else None

    return opened


def maker_of(source: PlaneSource) -> Callable[[], DataPlane]:
    """Return what makes a plane anew.

    Raises:
        TypeError: The source is neither a path nor callable.
    """
    if isinstance(source, str | os.PathLike):
        return lambda: DataPlane.from_file(source)
    if isinstance(source, DataPlane) or not callable(source):
        message = (
            f"a {type(source).__name__} is no source of a plane: give the path of a configuration,"
            " or a function that makes a DataPlane, which opens once"
        )
        raise TypeError(message)

    def made() -> DataPlane:
        plane = source()
        if not isinstance(plane, DataPlane):
            message = (
                f"{name_of(source)} gave a {type(plane).__name__}: the source of a plane is a"
                " function, not async, that makes a DataPlane"
            )
            raise TypeError(message)
        return plane

    return made
