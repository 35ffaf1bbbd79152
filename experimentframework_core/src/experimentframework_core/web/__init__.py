"""For web applications on ASGI: a plane with the app, a subject with each request, its health."""

from __future__ import annotations

from experimentframework_core.web.health import Monitored, health_app
from experimentframework_core.web.lifespan import PlaneSource, plane_lifespan
from experimentframework_core.web.middleware import PlaneMiddleware
from experimentframework_core.web.plane import plane_of
from experimentframework_core.web.request import RequestView
from experimentframework_core.web.subject import SubjectMiddleware, SubjectProvider

__all__ = [
    "Monitored",
    "PlaneMiddleware",
    "PlaneSource",
    "RequestView",
    "SubjectMiddleware",
    "SubjectProvider",
    "health_app",
    "plane_lifespan",
    "plane_of",
]
