"""The cases of the conformance kit that need a way to the broker which can be cut."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.testing._cases._cut_short import CutShortCases
from experimentframework_kafka import KafkaOptions, plugin
from tests.kafka._proxy import FaultProxy
from tests.kafka.topics import create_topic
from tests.peers import kafka_java
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from experimentframework_core.envelope import Record


@pytest.fixture(scope="module")
def broker() -> Iterator[kafka_java.JavaBroker]:
    """Return a broker that listens for a proxy too."""
    missing = None if shutil.which("java") else "no java in PATH to run a broker behind a proxy"
    require("kafka", missing=missing)
    with kafka_java.JavaBroker(kafka_java.STEADY, proxied=True) as broker:
        yield broker


@pytest.fixture
async def proxy(broker: kafka_java.JavaBroker) -> AsyncIterator[FaultProxy]:
    """Return the proxy that the broker names as its own address."""
    async with FaultProxy(broker.advertised, broker.behind) as proxy:
        yield proxy


class TestKafka(CutShortCases[KafkaOptions]):
    """A few events are in a request: the first is taken, and the others get lost."""

    plugin = plugin
    patience = 6.0
    idempotent = True

    @pytest.fixture
    def options(self, broker: kafka_java.JavaBroker, proxy: FaultProxy) -> KafkaOptions:
        self.proxy = proxy
        return KafkaOptions(
            brokers=f"127.0.0.1:{broker.advertised}",
            topic=create_topic(broker.brokers, 3),
            enable_idempotence=self.idempotent,
            compression_type="none",
            additional_config={"max_batch_size": 4096},
        )

    @asynccontextmanager
    async def cut_short(
        self, options: KafkaOptions, batch: Sequence[Record]
    ) -> AsyncIterator[None]:
        self.proxy.spare_requests, self.proxy.lose_requests = 1, 10_000
        yield
        self.proxy.spare_requests, self.proxy.lose_requests = 0, 0


class TestKafkaUnanswered(TestKafka):
    """The requests are taken, and their answers get lost; some events are there twice then."""

    idempotent = False

    @asynccontextmanager
    async def cut_short(
        self, options: KafkaOptions, batch: Sequence[Record]
    ) -> AsyncIterator[None]:
        self.proxy.lose_answers = 10_000
        yield
        self.proxy.lose_answers = 0
