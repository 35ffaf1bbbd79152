"""For web applications: an ASGI app that tells how a plane fares."""

from __future__ import annotations

from experimentframework_core.web.health import Monitored, health_app

__all__ = ["Monitored", "health_app"]
