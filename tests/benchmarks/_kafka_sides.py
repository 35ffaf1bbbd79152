"""The sides of the benchmark ``kafka``: the backplane, and loops over other producers, by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import Exposure, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from experimentframework_core.envelope import Record
    from tests.benchmarks._run import Figures

    Send = Callable[[list[Record]], Awaitable[None]]

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
    records = _records(events + _warm, keys)
    async with plugin.open(options, OpenContext(name="events")) as opened:
        return await _measured(opened.deliver, records, brokers, topic)


async def send_loop(*, brokers: str, topic: str, codec: str, events: int, keys: int) -> Figures:
    """Give the same records to ``AIOKafkaProducer.send``, and await each portion."""
    from aiokafka import AIOKafkaProducer

    records = _records(events + _warm, keys)
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
    records = _records(events + _warm, keys)
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

    records = _records(events + _warm, keys)
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


def _records(number: int, keys: int) -> list[Record]:
    """Return exposures of so many subjects, which take turns; the subject is the key."""
    return [
        encode_record(
            Envelope(
                event_id=str(uuid4()),
                timestamp=utc_now(),
                event_type="exposure",
                schema_version="1.0.0",
                payload=Exposure(
                    experiment_name="checkout",
                    variant_key="express",
                    subject_id=f"subject-{each % keys}",
                    selection_reason="hash-assignment",
                ),
                correlation_id=f"request-{each}",
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
        )
        for each in range(number)
    ]


async def _measured(send: Send, records: list[Record], brokers: str, topic: str) -> Figures:
    """Send all records once for the costs, and once more for the loop's lag.

    Who watches the loop wakes it a thousand times a second, which would stand in the costs.
    """
    warm_up, rest = records[:_warm], records[_warm:]
    await send(warm_up)
    before = _stored(brokers, topic)
    memory = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # The peak begins anew.
    cpu, wall = process_time(), perf_counter()
    await _send_all(send, rest)
    figures = {
        "cpu": (process_time() - cpu) / len(rest) * 1e6,
        "per_second": len(rest) / (perf_counter() - wall),
        "rss": (_resident("VmHWM") - memory) / 1024,
    }
    lags: list[float] = []
    watching = asyncio.ensure_future(_watch(lags))
    await asyncio.sleep(0)
    await _send_all(send, rest)
    watching.cancel()
    figures["lag"] = sorted(lags)[len(lags) * 99 // 100] * 1e3
    figures["lost"] = before + 2 * len(rest) - _stored(brokers, topic)
    return figures


async def _send_all(send: Send, records: list[Record]) -> None:
    for first in range(0, len(records), PORTION):
        await send(records[first : first + PORTION])


async def _watch(lags: list[float]) -> None:
    while True:
        slept = perf_counter()
        await asyncio.sleep(0.001)
        lags.append(perf_counter() - slept - 0.001)


def _resident(name: str) -> int:
    """Return the process's resident memory in KiB: now, or at its peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{name}:")[1].split()[0])


def _stored(brokers: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "none", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    stored = sum(
        consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=20)[1]
        for each in partitions
    )
    consumer.close()
    return stored
