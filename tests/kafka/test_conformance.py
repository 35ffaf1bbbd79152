"""The conformance kit, on Kafka itself."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from experimentframework_core.codec import encode
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import BackplaneConformance, make_exposure, make_record
from experimentframework_core.testing._cases._shape import ShapeCases
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity, KafkaTopicCreation, plugin
from tests.kafka._consumer import consume
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.envelope import Record


class TestKafkaWithEverySetting(ShapeCases[KafkaOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self) -> KafkaOptions:
        return KafkaOptions(
            brokers=("one:9092", "two:9092"),
            topics={"exposure": "seen"},
            partition_by="subjectId",
            acks="all",
            security=KafkaSecurity(
                protocol="SASL_SSL", mechanism="PLAIN", username="u", password=Secret("p: {")
            ),
            create_topics=KafkaTopicCreation(enabled=True, partitions=6),
            additional_config={"batch.size": 65536, "connections_max_idle_ms": None},
            batch_size=100,
        )


class TestKafka(BackplaneConformance[KafkaOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, brokers: str, make_topic: Callable[..., str]) -> KafkaOptions:
        return KafkaOptions(brokers=brokers, topic=make_topic(3, max_message_bytes="300000"))

    async def delivered(self, options: KafkaOptions) -> list[bytes]:
        assert isinstance(options.brokers, str)
        assert options.topic is not None
        return [seen.value for seen in consume(options.brokers, options.topic)]

    def unreachable(self, options: KafkaOptions) -> KafkaOptions:
        return KafkaOptions(brokers=f"127.0.0.1:{free_port()}", topic="events")

    def poison(self, options: KafkaOptions) -> Record:
        return oversize_record()

    async def plant(self, options: KafkaOptions, body: bytes) -> bool:
        producer = Producer({"bootstrap.servers": options.brokers, "log_level": 0})
        producer.produce(str(options.topic), body)
        return await asyncio.to_thread(producer.flush, 20) == 0


class TestKafkaReadBack(TestKafka):
    """The same, with what has arrived as our own reader reads it."""

    async def delivered(self, options: KafkaOptions) -> list[bytes]:
        return [encode(envelope) for envelope in await self.read(options, Selection())]


class TestKafkaWithoutIdempotence(TestKafka):
    @pytest.fixture
    def options(self, brokers: str, make_topic: Callable[..., str]) -> KafkaOptions:
        topic = make_topic(3, max_message_bytes="300000")
        return KafkaOptions(
            brokers=brokers,
            topic=topic,
            enable_idempotence=False,
            partition_by="subjectId",
            compression_type="zstd",
        )


def oversize_record(size: int = 600_000) -> Record:
    """Return a record that no compression makes small enough for the topics of these tests."""
    noise = random.Random(1).randbytes(size // 2).hex()
    return make_record(make_exposure(attributes={"noise": noise}))
