"""A broker for the tests of Kafka, and topics on it."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.kafka.topics import create_topic
from tests.peers import kafka_java
from tests.peers.docker import docker_answers
from tests.peers.kafka_choice import choose
from tests.peers.kafka_docker import docker_broker
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


@pytest.fixture
def make_topic(brokers: str) -> Callable[..., str]:
    """Return a function that makes a topic which nobody else uses, and returns its name."""
    return partial(create_topic, brokers)


@pytest.fixture
def own_broker(request: pytest.FixtureRequest) -> Iterator[kafka_java.JavaBroker]:
    """Return a broker of the test's own, which it may kill; parameters are those of the class."""
    missing = None if shutil.which("java") else "no java in PATH to run a broker that may be killed"
    require("kafka", missing=missing)
    with kafka_java.JavaBroker(**getattr(request, "param", {})) as broker:
        yield broker
