"""What holds for every test."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from experimentframework_core.deadletter import state_variable
from experimentframework_core.testing import BackplaneConformance
from tests.faults._scale import is_long
from tests.peers import kafka_java
from tests.peers.docker import docker_answers
from tests.peers.kafka_choice import choose
from tests.peers.kafka_docker import docker_broker
from tests.peers.require import require, required

if TYPE_CHECKING:
    from collections.abc import Iterator


settings.register_profile(
    "sure",
    deadline=None,
    derandomize=not is_long,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sure")
# How long an example takes is the machine's business. Every run has the same examples, unless it
# is to be long: one that fails by chance tells of no change.


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a run that requires a peer which does not exist; let processes be interrupted.

    A shell has what it starts in the background ignore Ctrl-C, and so would all that we start.
    The dead letters of planes that say nothing else go into a folder of this process, not into the
    user's, where all processes of a run would wait for each other.
    """
    required()
    BackplaneConformance.patience = 60.0  # Only what hangs meets it.
    state = tempfile.TemporaryDirectory(prefix="experimentframework-state-")
    config.add_cleanup(state.cleanup)
    os.environ[state_variable] = state.name
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def brokers() -> Iterator[str]:
    """Return the address of a broker that all tests share."""
    choice = choose(
        os.environ,
        docker_answers=lambda: docker_answers(os.environ),
        find=shutil.which,
        cached=kafka_java.is_cached(),
    )
    require("kafka", missing=choice.missing)
    if choice.kind == "given":
        yield choice.brokers
    elif choice.kind == "docker":
        with docker_broker() as address:
            yield address
    else:
        with kafka_java.JavaBroker(kafka_java.STEADY) as broker:
            yield broker.brokers
