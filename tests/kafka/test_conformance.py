"""What the conformance kit checks without opening anything."""

from __future__ import annotations

import pytest

from experimentframework_core.testing._cases._shape import ShapeCases
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity, KafkaTopicCreation, plugin


class TestKafka(ShapeCases[KafkaOptions]):
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
