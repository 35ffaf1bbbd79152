"""Where a Docker engine is looked for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.peers.docker import docker_answers

if TYPE_CHECKING:
    from pathlib import Path


def test_docker_is_asked_at_the_place_that_is_set(tmp_path: Path) -> None:
    """Given an engine at a socket of its own, When it is asked for, Then it is found there."""
    place = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(place))
        engine.listen()

        found = docker_answers({"DOCKER_HOST": f"unix://{place}"})

    assert found
    assert not docker_answers({"DOCKER_HOST": f"unix://{place}-other"})
