"""The sides of the benchmark ``kafka``: the backplane, and loops over other producers, by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.benchmarks._sending import costs, ready_records

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record
    from tests.benchmarks._run import Figures
    from tests.benchmarks._sending import Send

PORTION = 500
BATCH_BYTES = 256 * 1024
_warm = 2_000


async def backplane(*, brokers: str, topic: str, codec: str, events: int, keys: int) -> Figures:
    """Deliver ready records through the backplane, as the channel does."""
    from experimentframework_core.plugin import OpenContext
    from experimentframework_kafka import KafkaOptions, plugin

    options = KafkaOptions(
        brokers=brokers,
        topic=topic,
        compression_type=codec,  # type: ignore[arg-type]
        partition_by="subjectId",
    )
    records = ready_records(events + _warm, keys)
    async with plugin.open(options, OpenContext(name="events")) as opened:
        return await _measured(opened.deliver, records, brokers, topic)


async def send_loop(*, brokers: str, topic: str, codec: str, events: int, keys: int) -> Figures:
    """Give the same records to ``AIOKafkaProducer.send``, and await each portion."""
    from aiokafka import AIOKafkaProducer

    records = ready_records(events + _warm, keys)
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers,
        acks="all",
        enable_idempotence=True,
        compression_type=None if codec == "none" else codec,
        max_batch_size=BATCH_BYTES,
    )

    async def send(portion: list[Record]) -> None:
        futures = [
            await producer.send(
                topic,
                record.body,
                key=(record.subject or "").encode(),
                timestamp_ms=record.timestamp_ns // 1_000_000,
                headers=_headers(record),
            )
            for record in portion
        ]
        await asyncio.gather(*futures)

    async with producer:
        return await _measured(send, records, brokers, topic)


async def confluent(*, brokers: str, topic: str, codec: str, events: int, keys: int) -> Figures:
    """Give the same records to librdkafka's producer, and wait for each portion."""
    records = ready_records(events + _warm, keys)
    producer = Producer(_settings(brokers, codec))

    async def send(portion: list[Record]) -> None:
        for record in portion:
            producer.produce(
                topic,
                record.body,
                (record.subject or "").encode(),
                timestamp=record.timestamp_ns // 1_000_000,
                headers=_headers(record),
            )
        producer.flush()
        await asyncio.sleep(0)

    return await _measured(send, records, brokers, topic)


async def confluent_aio(*, brokers: str, topic: str, codec: str, events: int, keys: int) -> Figures:
    """Give them to confluent-kafka's asyncio producer, which takes neither headers nor times."""
    from confluent_kafka.aio import AIOProducer

    records = ready_records(events + _warm, keys)
    producer = AIOProducer(_settings(brokers, codec), batch_size=PORTION)

    async def send(portion: list[Record]) -> None:
        futures = [
            await producer.produce(topic, record.body, (record.subject or "").encode())
            for record in portion
        ]
        await producer.flush()
        await asyncio.gather(*futures)

    async with producer:
        return await _measured(send, records, brokers, topic)


def _settings(brokers: str, codec: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": brokers,
        "enable.idempotence": True,
        "compression.type": codec,
        "batch.size": BATCH_BYTES,
        "partitioner": "murmur2_random",
    }


def _headers(record: Record) -> list[tuple[str, str | bytes | None]]:
    return [
        ("event-id", record.event_id.encode()),
        ("event-type", record.event_type.encode()),
        ("schema-version", record.schema_version.encode()),
        ("correlation-id", (record.correlation_id or "").encode()),
        ("traceparent", (record.traceparent or "").encode()),
    ]


async def _measured(send: Send, records: list[Record], brokers: str, topic: str) -> Figures:
    warm_up, rest = records[:_warm], records[_warm:]
    await send(warm_up)
    before = _stored(brokers, topic)
    figures = await costs(send, rest, PORTION)
    figures["lost"] = before + 2 * len(rest) - _stored(brokers, topic)
    return figures


def _stored(brokers: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "none", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    stored = sum(
        consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=20)[1]
        for each in partitions
    )
    consumer.close()
    return stored
