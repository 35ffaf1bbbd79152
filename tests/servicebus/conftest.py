"""A broker for the tests of Service Bus, and entities on it."""

from __future__ import annotations

import gc
import os
from itertools import count
from typing import TYPE_CHECKING

import pytest
from azure.servicebus._pyamqp.aio import AMQPClientAsync

from tests.peers.docker import docker_answers
from tests.peers.proton import why_missing
from tests.peers.require import require
from tests.peers.servicebus_choice import choose
from tests.peers.servicebus_docker import docker_emulator
from tests.peers.servicebus_entities import entities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.amqp.peer import ServiceBusPeer

_numbers = count(1)


def _started() -> ServiceBusPeer:
    require("proton", missing=why_missing())
    from tests.peers.amqp.peer import ServiceBusPeer

    return ServiceBusPeer()


@pytest.fixture(scope="session")
def shared_peer() -> Iterator[ServiceBusPeer]:
    """Return a broker that all tests share."""
    with _started() as peer:
        yield peer


@pytest.fixture(scope="session")
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the connection string of a broker with the entities of `servicebus_entities`.

    It is a namespace that is given, or the emulator, or the shared broker; no fault is possible.
    """
    found = choose(
        os.environ,
        docker_answers=lambda: docker_answers(os.environ),
        why_no_peer=why_missing,
    )
    if found.kind == "given":
        yield found.connection_string
    elif found.kind == "docker":
        with docker_emulator() as reached_by:
            yield reached_by
    else:
        require("proton", missing=found.missing)
        peer = request.getfixturevalue("shared_peer")
        peer.define(*entities)
        yield peer.connection_string()


@pytest.fixture
def peer(shared_peer: ServiceBusPeer) -> Iterator[ServiceBusPeer]:
    """Return the shared broker; what a test has go wrong ends with the test."""
    yield shared_peer
    shared_peer.listen()
    shared_peer.release()


@pytest.fixture
def own_peer() -> Iterator[ServiceBusPeer]:
    """Return a broker of the test's own, which counts from nothing and which it may kill."""
    with _started() as peer:
        yield peer


@pytest.fixture
def entity() -> str:
    """Return the name of a queue or topic which no other test has; the test defines it."""
    return f"events{next(_numbers)}"


@pytest.fixture
def queue(peer: ServiceBusPeer, entity: str) -> str:
    """Return the name of a queue that is new and empty."""
    peer.queue(entity)
    return entity


@pytest.fixture(autouse=True)
def no_keeping_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have links close at once: the client waits for the second that its task sleeps.

    What the task does, after 30 seconds without traffic, no test comes to.
    """

    async def end(_client: AMQPClientAsync) -> None:
        pass

    monkeypatch.setattr(AMQPClientAsync, "_keep_alive_async", end)


@pytest.fixture(autouse=True)
def collect_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the sockets that the client leaves behind collected here, where that is no error."""
    yield
    if "shared_peer" in request.fixturenames or "own_peer" in request.fixturenames:
        gc.collect()
