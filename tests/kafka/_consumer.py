"""Kafka's events as another client sees them: librdkafka, which shares no code with ours."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

if TYPE_CHECKING:
    from confluent_kafka import Message

PATIENCE = 60.0


class Seen(NamedTuple):
    """A message as it is in the log."""

    partition: int
    offset: int
    key: str
    value: bytes
    headers: dict[str, str]
    timestamp_ms: int


def consume(brokers: str, topic: str) -> list[Seen]:
    """Return all that a topic has now, partition after partition, in the order of offsets.

    What the topic has given up already, because of its retention, is not waited for.
    """
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "none", "log_level": 0})
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions)
        bounds = {each: _bounds(consumer, TopicPartition(topic, each)) for each in partitions}
        full = {each: bound for each, bound in bounds.items() if bound[0] < bound[1]}
        consumer.assign([TopicPartition(topic, each, first) for each, (first, _) in full.items()])
        found = _read(consumer, {each: end for each, (_, end) in full.items()})
    finally:
        consumer.close()
    return sorted(found)


def _bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    bounds = consumer.get_watermark_offsets(place, timeout=PATIENCE)
    assert bounds is not None
    return bounds


def _end(consumer: Consumer, place: TopicPartition) -> int:
    """Return where a partition ends; one that was just made may have no leader yet."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            _, end = consumer.get_watermark_offsets(place, timeout=PATIENCE)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return end


def _read(consumer: Consumer, ends: dict[int, int]) -> list[Seen]:
    found: list[Seen] = []
    deadline = time.monotonic() + PATIENCE
    while ends:
        assert time.monotonic() < deadline, f"what is before {ends} does not come"
        for seen in map(_seen, consumer.consume(1000, timeout=0.2)):
            found.append(seen)
            if seen.offset + 1 >= ends.get(seen.partition, 0):
                ends.pop(seen.partition, None)
    return found


def _seen(message: Message) -> Seen:
    assert message.error() is None, message.error()
    partition, offset = message.partition(), message.offset()
    key, value = message.key(), message.value()
    assert partition is not None
    assert offset is not None
    assert isinstance(key, bytes)
    assert isinstance(value, bytes)
    headers = {
        name: text.decode()
        for name, text in list(message.headers() or [])
        if isinstance(name, str) and isinstance(text, bytes)
    }
    return Seen(partition, offset, key.decode(), value, headers, message.timestamp()[1])
