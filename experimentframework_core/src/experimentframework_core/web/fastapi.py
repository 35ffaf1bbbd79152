"""The plane as a dependency of FastAPI; importing this needs FastAPI."""

from __future__ import annotations

from typing import Annotated

from experimentframework_core.plane import DataPlane
from experimentframework_core.web.plane import plane_of

try:
    from fastapi import Depends
    from starlette.requests import HTTPConnection  # noqa: TC002 - FastAPI reads the annotation
except ModuleNotFoundError as error:
    message = "fastapi is missing: pip install fastapi"
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["Plane"]


async def _plane(connection: HTTPConnection) -> DataPlane:
    # Async, since FastAPI would run it in a thread for each request otherwise.
    return plane_of(connection)


Plane = Annotated[DataPlane, Depends(_plane)]
"""The plane that serves the request, as the type of a handler's parameter."""
