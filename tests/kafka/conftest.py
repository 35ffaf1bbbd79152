"""Topics on the broker that all tests share, and brokers of a test's own."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.kafka.topics import create_topic
from tests.peers import kafka_java
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
