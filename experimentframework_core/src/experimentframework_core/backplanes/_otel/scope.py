"""The names under which OpenTelemetry knows this library."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Final

SCOPE: Final = "experimentframework_core"
"""The name of the instrumentation scope of every span and log record."""

EVENT_NAMES: Final = "experimentframework."
"""What the event name of a log record begins with; the event's type follows."""


@cache
def version() -> str:
    """Return this library's version."""
    return metadata.version("experimentframework-core")
