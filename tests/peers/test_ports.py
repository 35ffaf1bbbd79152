"""Ports that nobody else has."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.packaging.layout import root
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

ASKING = """
import random
from tests.peers.ports import free_port

random.sample = lambda *_: [{port}]
print(free_port())
"""


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that leaves one port to choose from."""

    def leave(port: int) -> None:
        monkeypatch.setattr(random, "sample", lambda *_: [port])

    return leave


def test_a_server_can_listen_there() -> None:
    """Given a port, When a server is told to listen there, Then it does."""
    port = free_port()

    with socket.create_server(("127.0.0.1", port)) as server:
        found = server.getsockname()[1]

    assert found == port


def test_a_port_is_given_once(only: Callable[[int], None]) -> None:
    """Given a port on which nobody listens yet, When it is wanted again, Then it is not given."""
    port = free_port()

    only(port)

    with pytest.raises(RuntimeError, match="is free"):
        free_port()


def test_another_process_is_not_given_it() -> None:
    """Given a port of this process, When another one wants it, Then it is not given."""
    port = free_port()

    other = subprocess.run(
        [sys.executable, "-c", ASKING.format(port=port)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )

    assert other.stdout == ""
    assert "RuntimeError: no port of" in other.stderr


def test_a_port_on_which_somebody_listens_is_not_given(only: Callable[[int], None]) -> None:
    """Given a server that came by its port in another way, When wanted, Then it is not given."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        only(server.getsockname()[1])

        with pytest.raises(RuntimeError, match="is free"):
            free_port()
