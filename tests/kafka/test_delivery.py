"""What arrives at Kafka, as a client of another family reads it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from aiokafka.partitioner import DefaultPartitioner

from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import OpenContext, Pingable
from experimentframework_core.testing import (
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)
from experimentframework_kafka import KafkaOptions, KafkaTopicCreation, plugin
from tests.kafka._consumer import consume
from tests.kafka.test_conformance import oversize_record
from tests.kafka.topics import delete_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from experimentframework_core.envelope import Record

CONTEXT = OpenContext(name="events", delivery_timeout=20)


async def _deliver(options: KafkaOptions, *batches: Sequence[Record]) -> None:
    async with plugin.open(options, CONTEXT) as backplane:
        for batch in batches:
            await backplane.deliver(batch)


async def test_a_message_is_as_it_is_described(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given an event, When librdkafka reads it, Then key, body, time and headers are there."""
    topic = make_topic(1)
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    record = make_record(make_exposure(subject_id="u-1"), timestamp=at, correlation_id="request-1")

    await _deliver(KafkaOptions(brokers=brokers, topic=topic, partition_by="subjectId"), [record])

    (seen,) = consume(brokers, topic)
    assert (seen.key, seen.value, seen.timestamp_ms) == ("u-1", record.body, 1772366400123)
    assert seen.headers == {
        "event-id": record.event_id,
        "event-type": "exposure",
        "schema-version": "1.0.0",
        "correlation-id": "request-1",
    }


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_every_compression_can_be_read(
    compression: str, brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a compression, When librdkafka reads the events, Then they are all there."""
    topic, records = make_topic(2), make_records(300)
    options = KafkaOptions(brokers=brokers, topic=topic, compression_type=compression)  # type: ignore[arg-type]

    await _deliver(options, records)

    assert {seen.value for seen in consume(brokers, topic)} == {each.body for each in records}


async def test_keys_are_where_other_clients_put_them(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given events of many subjects, When they arrive, Then each is in its key's partition."""
    topic = make_topic(5)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="subjectId")

    await _deliver(options, make_records(200))

    partition = DefaultPartitioner()
    assert all(
        seen.partition == partition(seen.key.encode(), list(range(5)), [])
        for seen in consume(brokers, topic)
    )


async def test_round_robin_spreads_evenly(brokers: str, make_topic: Callable[..., str]) -> None:
    """Given roundRobin, When events of one experiment arrive, Then partitions have as many."""
    topic = make_topic(4)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="roundRobin")

    await _deliver(options, *(make_records(20) for _ in range(5)))

    assert Counter(seen.partition for seen in consume(brokers, topic)) == dict.fromkeys(
        range(4), 25
    )


async def test_each_type_goes_to_its_topic(brokers: str, make_topic: Callable[..., str]) -> None:
    """Given a topic for each of two types, When both are delivered, Then each is in its own."""
    exposures, outcomes = make_topic(), make_topic()
    options = KafkaOptions(brokers=brokers, topics={"exposure": exposures, "outcome": outcomes})
    exposure, outcome = make_record(), make_record(make_outcome())

    await _deliver(options, [exposure, outcome])

    assert [seen.value for seen in consume(brokers, exposures)] == [exposure.body]
    assert [seen.value for seen in consume(brokers, outcomes)] == [outcome.body]


@pytest.mark.parametrize("idempotent", [True, False])
async def test_an_event_that_is_too_large_is_refused_alone(
    idempotent: bool,  # noqa: FBT001
    brokers: str,
    make_topic: Callable[..., str],
) -> None:
    """Given one too large among 10,000, When they are delivered, Then only it is refused."""
    topic = make_topic(3, max_message_bytes="100000")
    options = KafkaOptions(brokers=brokers, topic=topic, enable_idempotence=idempotent)
    records = make_records(10_000)
    records[5_000] = oversize_record()
    batches = [records[at : at + 500] for at in range(0, len(records), 500)]

    async with plugin.open(options, CONTEXT) as backplane:
        for number, batch in enumerate(batches):
            if number != 10:
                await backplane.deliver(batch)
                continue
            with pytest.raises(PartialBatchError) as raised:
                await backplane.deliver(batch)

    (index, error), *others = raised.value.failures.items()
    assert (index, type(error), others) == (0, PermanentError, [])
    assert f"topic '{topic}': the event takes " in str(error)
    assert str(error).endswith("and the topic takes 100,000 (max.message.bytes)")
    expected = Counter(each.body for each in records if each is not records[5_000])
    assert Counter(seen.value for seen in consume(brokers, topic)) == expected


@pytest.mark.parametrize("idempotent", [True, False])
async def test_what_the_brokers_refuse_is_found(
    idempotent: bool,  # noqa: FBT001
    brokers: str,
    make_topic: Callable[..., str],
) -> None:
    """Given an event from the far future among others, When delivered, Then it alone fails."""
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic, enable_idempotence=idempotent)
    records = make_records(50)
    records[33] = make_record(timestamp=datetime(2126, 1, 1, tzinfo=UTC))
    more = make_records(5)

    async with plugin.open(options, CONTEXT) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver(records)
        await backplane.deliver(more)

    assert {at: type(each) for at, each in raised.value.failures.items()} == {33: PermanentError}
    assert "its time is outside what the topic takes" in str(raised.value.failures[33])
    arrived = [seen.value for seen in consume(brokers, topic)]
    assert arrived == [each.body for each in (*records[:33], *records[34:], *more)]


async def test_a_large_event_that_compresses_well_is_delivered(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given one that is too large as it is, When compression makes it fit, Then it arrives."""
    topic = make_topic(1, max_message_bytes="20000")
    record = make_record(make_exposure(attributes={"text": "again " * 20_000}))

    await _deliver(KafkaOptions(brokers=brokers, topic=topic, compression_type="zstd"), [record])

    assert [seen.value for seen in consume(brokers, topic)] == [record.body]


@pytest.mark.parametrize("missing_first", [True, False])
async def test_a_missing_topic_fails_only_its_own_events(
    missing_first: bool,  # noqa: FBT001
    brokers: str,
    make_topic: Callable[..., str],
) -> None:
    """Given outcomes have no topic, When both types are delivered, Then exposures arrive."""
    exposures = make_topic()
    options = KafkaOptions(brokers=brokers, topics={"exposure": exposures, "outcome": "not-there"})
    exposure, outcome = make_record(), make_record(make_outcome())

    async with plugin.open(options, CONTEXT) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver([outcome, exposure] if missing_first else [exposure, outcome])

    (error,) = raised.value.failures.values()
    assert isinstance(error, UnavailableError)
    assert str(error) == (
        "topic 'not-there' does not exist, and the brokers do not make it; make it, or say "
        "createTopics: {enabled: true}"
    )
    assert [seen.value for seen in consume(brokers, exposures)] == [exposure.body]


async def test_a_missing_topic_is_told_by_ping(brokers: str) -> None:
    """Given a topic that does not exist, When the backplane is pinged, Then it says so."""
    async with plugin.open(KafkaOptions(brokers=brokers, topic="not-there"), CONTEXT) as backplane:
        assert isinstance(backplane, Pingable)

        with pytest.raises(UnavailableError, match="topic 'not-there' does not exist"):
            await backplane.ping()


async def test_a_topic_that_is_deleted_is_told_and_used_again(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a topic goes, When events are delivered, Then that is told, and mended by a new one."""
    gone, other = make_topic(), make_topic()
    options = KafkaOptions(brokers=brokers, topics={"exposure": gone, "outcome": other})
    exposure, outcome = make_record(), make_record(make_outcome())

    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(make_records(5))
        delete_topic(brokers, gone)
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver([exposure, outcome])
        make_topic(name=gone)
        await backplane.deliver([exposure])

    assert {at: type(each) for at, each in raised.value.failures.items()} == {0: UnavailableError}
    assert f"topic '{gone}'" in str(raised.value.failures[0])
    assert [seen.value for seen in consume(brokers, other)] == [outcome.body]
    assert [seen.value for seen in consume(brokers, gone)] == [exposure.body]


async def test_a_closed_backplane_sends_nothing(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a backplane that was closed, When events come, Then they are not sent."""
    topic = make_topic()
    async with plugin.open(KafkaOptions(brokers=brokers, topic=topic), CONTEXT) as backplane:
        pass

    with pytest.raises(TransientError, match="the backplane is closed"):
        await backplane.deliver(make_records(2))

    assert consume(brokers, topic) == []


async def test_an_event_from_long_ago_is_refused_alone_where_the_topic_says_so(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a topic for new events, When an old one comes among others, Then it alone fails."""
    topic = make_topic(1, message_timestamp_before_max_ms="3600000")
    records = make_records(5)
    records[2] = make_record(timestamp=datetime(2020, 1, 1, tzinfo=UTC))

    async with plugin.open(KafkaOptions(brokers=brokers, topic=topic), CONTEXT) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver(records)

    assert {at: type(each) for at, each in raised.value.failures.items()} == {2: PermanentError}
    assert "message.timestamp.before.max.ms" in str(raised.value.failures[2])
    assert len(consume(brokers, topic)) == 4


@pytest.mark.parametrize("year", [1, 1960])
async def test_a_time_before_1970_arrives(
    year: int, brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given an event from before all times of Kafka, When delivered, Then its body has it."""
    topic = make_topic(1)
    record = make_record(timestamp=datetime(year, 1, 1, tzinfo=UTC))

    await _deliver(KafkaOptions(brokers=brokers, topic=topic), [record])

    (seen,) = consume(brokers, topic)
    assert seen.value == record.body


@pytest.mark.parametrize("compression", ["none", "zstd"])
async def test_an_event_of_megabytes_arrives_where_the_topic_takes_it(
    compression: str, brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a topic for large events, When one comes among others, Then all arrive in order."""
    topic = make_topic(1, max_message_bytes="5000000")
    options = KafkaOptions(brokers=brokers, topic=topic, compression_type=compression)  # type: ignore[arg-type]
    records = [make_record(), oversize_record(4_000_000), make_record()]

    await _deliver(options, records)

    assert [seen.value for seen in consume(brokers, topic)] == [each.body for each in records]


async def test_a_compacted_topic_takes_events_without_an_owner(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a topic that needs keys, When an event has no tenant, Then its id is its key."""
    topic, record = make_topic(1, cleanup_policy="compact"), make_record(make_outcome())
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="tenantId")

    await _deliver(options, [record])

    assert [seen.key for seen in consume(brokers, topic)] == [record.event_id]


async def test_a_topic_whose_name_is_like_another_is_told(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a name that differs in a dot only, When it is to be made, Then Kafka's rule is told."""
    name = f"{make_topic()}.b_c"
    make_topic(name=name)
    creation = KafkaTopicCreation(enabled=True)
    options = KafkaOptions(brokers=brokers, topic=name.replace("_", "."), create_topics=creation)

    with pytest.raises(UnavailableError, match="collides with existing topic"):
        await _deliver(options)


async def test_missing_topics_are_made(brokers: str) -> None:
    """Given createTopics, When the backplane opens twice, Then its topic is there as described."""
    creation = KafkaTopicCreation(enabled=True, partitions=2, retention_ms=86_400_000)
    topic = f"made-{make_record().event_id}"
    options = KafkaOptions(brokers=brokers, topic=topic, create_topics=creation)
    records = make_records(3)

    await _deliver(options)
    await _deliver(options, records)

    assert {seen.value for seen in consume(brokers, topic)} == {each.body for each in records}


async def test_a_topic_that_cannot_be_made_is_told(brokers: str) -> None:
    """Given more copies than brokers, When the backplane opens, Then it says why it cannot."""
    creation = KafkaTopicCreation(enabled=True, partitions=1, replication_factor=9)
    options = KafkaOptions(brokers=brokers, topic="never-made", create_topics=creation)

    with pytest.raises(UnavailableError, match="cannot make topic 'never-made': InvalidReplica"):
        await _deliver(options)


async def test_a_cancelled_delivery_is_not_sent_twice(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given deliveries are cancelled at many moments, When they come again, Then all is once."""
    topic = make_topic(3)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="subjectId")
    batches = [make_records(60) for _ in range(30)]

    async with plugin.open(options, CONTEXT) as backplane:
        for turns, batch in enumerate(batches):
            task = asyncio.ensure_future(backplane.deliver(batch))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            if task.cancelled():
                await backplane.deliver(batch)

    arrived = Counter(seen.value for seen in consume(brokers, topic))
    assert arrived == Counter(each.body for batch in batches for each in batch)
