"""What an event costs on its way to Kafka, beside loops over other producers, written by hand."""

from __future__ import annotations

import asyncio
import os
import resource
from contextlib import ExitStack, asynccontextmanager
from time import perf_counter, process_time
from typing import TYPE_CHECKING
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import Exposure, utc_now
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Rounds, Side, alternate
from tests.kafka.topics import create_topic
from tests.peers.kafka_choice import variable
from tests.peers.kafka_java import JavaBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core.envelope import Record

_BATCH = 500
_BYTES = 256 * 1024
_WARM = 2_000
_FEW = 5_000
_NONE_TWICE = 10**9
_sides = {"backplane": "backplane", "aiokafka send": "send_loop", "confluent": "confluent"}


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
    records = _records(events + _WARM, keys)
    async with plugin.open(options, OpenContext(name="events")) as opened:
        await opened.deliver(records[:_WARM])
        async with _measured(brokers, topic, events) as figures:
            for first in range(_WARM, len(records), _BATCH):
                await opened.deliver(records[first : first + _BATCH])
    return figures


async def send_loop(*, brokers: str, topic: str, codec: str, events: int, keys: int) -> Figures:
    """Give the same records to ``AIOKafkaProducer.send``, and await each portion."""
    from aiokafka import AIOKafkaProducer

    records = _records(events + _WARM, keys)
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers,
        acks="all",
        enable_idempotence=True,
        compression_type=None if codec == "none" else codec,
        max_batch_size=_BYTES,
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

    await producer.start()
    await send(records[:_WARM])
    async with _measured(brokers, topic, events) as figures:
        for first in range(_WARM, len(records), _BATCH):
            await send(records[first : first + _BATCH])
    await producer.stop()
    return figures


async def confluent(*, brokers: str, topic: str, codec: str, events: int, keys: int) -> Figures:
    """Give the same records to librdkafka's producer, and wait for each portion."""
    records = _records(events + _WARM, keys)
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "enable.idempotence": True,
            "compression.type": codec,
            "batch.size": _BYTES,
            "linger.ms": 0.1,
            "partitioner": "murmur2_random",
        }
    )

    def send(portion: list[Record]) -> None:
        for record in portion:
            producer.produce(
                topic,
                record.body,
                (record.subject or "").encode(),
                timestamp=record.timestamp_ns // 1_000_000,
                headers=_headers(record),
            )
        producer.flush()

    send(records[:_WARM])
    async with _measured(brokers, topic, events) as figures:
        for first in range(_WARM, len(records), _BATCH):
            send(records[first : first + _BATCH])
    return figures


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


@asynccontextmanager
async def _measured(brokers: str, topic: str, events: int) -> AsyncIterator[Figures]:
    """Yield figures that are filled in when the body has ended."""
    figures: Figures = {}
    before = _stored(brokers, topic)
    lags: list[float] = []
    watching = asyncio.ensure_future(_watch(lags))
    await asyncio.sleep(0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = process_time(), perf_counter()
    yield figures
    figures["cpu"] = (process_time() - cpu) / events * 1e6
    figures["per_second"] = events / (perf_counter() - wall)
    figures["rss"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    watching.cancel()
    figures["lag"] = sorted(lags)[len(lags) * 99 // 100] * 1e3 if lags else 0.0
    figures["lost"] = before + events - _stored(brokers, topic)


async def _watch(lags: list[float]) -> None:
    while True:
        slept = perf_counter()
        await asyncio.sleep(0.001)
        lags.append(perf_counter() - slept - 0.001)


def _stored(brokers: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "none", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    stored = sum(
        consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=20)[1]
        for each in partitions
    )
    consumer.close()
    return stored


def run(*, quick: bool) -> Report:
    """Measure with one partition and six, with few keys and many, uncompressed and with zstd."""
    events, rounds = (2_000, 1) if quick else (60_000, 3)
    report = Report(benchmark="kafka")
    lost = 0.0
    with ExitStack() as stack:
        brokers = os.environ.get(variable) or stack.enter_context(JavaBroker()).brokers
        for partitions, keys, codec in (
            (1, _FEW, "none"),
            (6, _FEW, "none"),
            (6, _FEW, "zstd"),
            (6, _NONE_TWICE, "none"),
        ):
            topic = create_topic(brokers, partitions)
            given = {"brokers": brokers, "topic": topic, "codec": codec} | {
                "events": events,
                "keys": keys,
            }
            result = alternate(
                {side: Side("kafka", function, given) for side, function in _sides.items()}, rounds
            )
            lost += sum(result.median(side, "lost") for side in _sides)
            often = f"{keys:,} keys" if keys == _FEW else "no key twice"
            _add(report, f"{codec}, {partitions} partitions, {often}", result)
    report.notes = [
        (
            f"{rounds} rounds of fresh processes, medians; {events:,} records, {_BATCH} at a time, "
            "five headers, idempotent, acks all, batches up to 256 KiB"
        ),
        "CPU is of the client's process with all its threads; the broker runs on the same machine",
        f"events lost: {lost:.0f}",
    ]
    return report


def _add(report: Report, what: str, result: Rounds) -> None:
    for other, limit in (("aiokafka send", 0.35), ("confluent", 1.3)):
        judged = other == "aiokafka send" or what.startswith("none")
        report.add(
            f"CPU per event, {what}",
            "us",
            result.median("backplane", "cpu"),
            beside=other,
            other=result.median(other, "cpu"),
            ratio=result.ratio("backplane", other, "cpu"),
            bar=Bar(f"ratio <= {limit}", limit, on="ratio") if judged else None,
        )
    for other in ("aiokafka send", "confluent"):
        report.add(
            f"events/s, {what}",
            "/s",
            result.median("backplane", "per_second"),
            beside=other,
            other=result.median(other, "per_second"),
        )
    report.add(
        f"loop lag p99, {what}",
        "ms",
        result.median("backplane", "lag"),
        beside="aiokafka send",
        other=result.median("aiokafka send", "lag"),
        bar=Bar("<= 10 ms", 10),
    )
    report.add(
        f"RSS added, {what}",
        "MiB",
        result.median("backplane", "rss"),
        beside="confluent",
        other=result.median("confluent", "rss"),
    )
