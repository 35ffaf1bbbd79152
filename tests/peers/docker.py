"""Looks for a Docker engine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


def docker_answers(environment: Mapping[str, str]) -> bool:
    """Return whether a Docker engine listens where ``DOCKER_HOST`` says, or at the usual place."""
    host = urlsplit(environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    unix = host.scheme == "unix"
    address = host.path if unix else (host.hostname, host.port)
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as trial:
        trial.settimeout(2.0)
        return trial.connect_ex(address) == 0
