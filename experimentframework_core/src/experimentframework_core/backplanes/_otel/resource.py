"""Who sends: the resource of every span and log record that leaves by an own exporter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNKNOWN = "unknown_service"


def resource_of(service_name: str | None, attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the resource's attributes.

    What the configuration says comes first, then the two environment variables that every SDK of
    OpenTelemetry reads: ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES``.
    """
    resource = {"service.name": _UNKNOWN, **_from_environment()}
    if name := os.environ.get("OTEL_SERVICE_NAME", "").strip():
        resource["service.name"] = name
    resource.update(attributes)
    if service_name is not None:
        resource["service.name"] = service_name
    return resource


def _from_environment() -> dict[str, str]:
    pairs = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    split = (pair.partition("=") for pair in pairs)
    return {key.strip(): unquote(value.strip()) for key, sep, value in split if sep and key.strip()}
