"""How large a batch each topic takes, as the brokers tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from experimentframework_kafka._configs import TOPIC, configs

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from experimentframework_kafka._message import Message

_NAME = "max.message.bytes"
_FRESH = 5.0
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""The numbers of Kafka's protocol."""


class Limits:
    """The ``max.message.bytes`` of topics, asked for once, and again where it matters."""

    def __init__(self, otherwise: int) -> None:
        """Take ``otherwise`` where the brokers do not tell, as without the right to ask."""
        self._otherwise = otherwise
        self._known: dict[str, tuple[int, float]] = {}

    async def of_topic(self, topic: str, producer: AIOKafkaProducer) -> int:
        """Return how many bytes a batch to a topic may have on the wire."""
        if topic not in self._known:
            await self.ask(topic, producer)
        return self._known[topic][0]

    async def ask(self, topic: str, producer: AIOKafkaProducer) -> int:
        """Ask the brokers again, unless they have been asked a moment ago; return the limit."""
        limit, asked = self._known.get(topic, (0, -_FRESH))
        if time.monotonic() - asked >= _FRESH:
            limit = await _ask(topic, producer) or self._otherwise
            self._known[topic] = limit, time.monotonic()
        return limit

    def forget(self, topic: str) -> None:
        """Ask again before the next batch to the topic: the brokers have refused one."""
        self._known.pop(topic, None)


async def _ask(topic: str, producer: AIOKafkaProducer) -> int | None:
    from aiokafka.errors import KafkaError

    try:
        found = await configs(producer.client, TOPIC, topic, (_NAME,))
    except (KafkaError, OSError, TimeoutError):
        return None
    return int(found[_NAME]) if _NAME in found else None


def wire_size(message: Message, codec: int) -> int:
    """Return how many bytes a batch with only this message has, compressed."""
    from aiokafka.record.default_records import DefaultRecordBatchBuilder

    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 0)
    key, value, timestamp, headers = message
    builder.append(0, timestamp, key=key, value=value, headers=headers)
    return len(builder.build())
