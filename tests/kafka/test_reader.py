"""Events are read back from Kafka itself."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException, Producer

from experimentframework_core.codec import decode_record, encode
from experimentframework_core.errors import ReplayError, TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_outcome, make_record, make_records
from experimentframework_kafka import KafkaOptions, KafkaTopicCreation, plugin
from experimentframework_kafka._reader import KafkaReader, read_kafka
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from experimentframework_core.envelope import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def _deliver(options: KafkaOptions, batch: Sequence[Record]) -> None:
    async with plugin.open(options, OpenContext(name="events")) as backplane:
        await backplane.deliver(batch)


async def _bodies(options: KafkaOptions, selection: Selection) -> list[bytes]:
    return [encode(envelope) async for envelope in read_kafka(options, selection)]


async def test_the_topics_of_the_types_are_read(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a topic for each type, When one type is read, Then its events come, else all do."""
    topics = {"exposure": make_topic(2), "outcome": make_topic(1)}
    options = KafkaOptions(brokers=brokers, topics=topics)
    exposures, outcomes = make_records(4), [make_record(make_outcome()) for _ in range(3)]
    await _deliver(options, [*exposures, *outcomes])

    found = await _bodies(options, Selection(types=("outcome",)))
    both = await _bodies(options, Selection())

    assert found == [each.body for each in outcomes]
    assert set(both) >= {each.body for each in (*exposures, *outcomes)}


async def test_a_late_event_is_found_by_its_time(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given events out of order in time, When a time is read, Then all of that time come."""
    options = KafkaOptions(brokers=brokers, topic=make_topic(1))
    hours = [0, 5, 1, 6, 2]
    records = [make_record(timestamp=NOON + timedelta(hours=hour)) for hour in hours]
    await _deliver(options, records)

    found = await _bodies(
        options, Selection(since=NOON + timedelta(hours=2), until=NOON + timedelta(hours=6))
    )

    assert found == [records[1].body, records[4].body]


async def test_a_checkpoint_counts_what_was_not_selected(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a reading to the end, When it goes on later, Then only what came since is read."""
    options = KafkaOptions(brokers=brokers, topic=make_topic(3), partition_by="subjectId")
    await _deliver(options, make_records(20))
    reader = KafkaReader(options, Selection(subjects=("nobody",)))
    assert [envelope async for envelope in reader] == []
    late = make_records(5)
    await _deliver(options, late)

    found = await _bodies(options, Selection(checkpoint=reader.checkpoint))

    assert sorted(found) == sorted(each.body for each in late)


async def test_what_is_no_event_is_told_and_can_be_passed(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a foreign message, When it is read, Then its place is told, and a way around it."""
    topic, records = make_topic(1), make_records(2)
    options = KafkaOptions(brokers=brokers, topic=topic)
    await _deliver(options, records[:1])
    foreign = Producer({"bootstrap.servers": brokers})
    foreign.produce(topic, b"not an event")
    foreign.flush(20)
    await _deliver(options, records[1:])
    reader = KafkaReader(options, Selection())

    first = encode(await anext(reader))
    with pytest.raises(ReplayError, match=f"offset 1 of partition 0 of topic '{topic}'") as told:
        await anext(reader)
    later = await _bodies(options, Selection(checkpoint=reader.checkpoint))
    rest = [encode(envelope) async for envelope in reader]

    assert told.value.record == b"not an event"
    assert later == rest
    assert [first, *rest] == [each.body for each in records]


async def test_a_time_before_all_times_of_kafka_means_everything(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a time before 1970, When events since then are read, Then all come."""
    options, records = KafkaOptions(brokers=brokers, topic=make_topic(1)), make_records(3)
    await _deliver(options, records)

    found = await _bodies(options, Selection(since=datetime(1969, 1, 1, tzinfo=UTC)))

    assert found == [record.body for record in records]


async def test_a_checkpoint_of_a_topic_that_was_made_anew_is_told(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a checkpoint behind the end, When reading goes on there, Then that is refused."""
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic)
    await _deliver(options, make_records(2))

    with pytest.raises(ReplayError) as raised:
        await _bodies(options, Selection(checkpoint=f'{{"{topic}":{{"0":7}}}}'))

    assert str(raised.value) == (
        f"cannot read on from the checkpoint: partition 0 of topic '{topic}' ends at offset 2, "
        "before 7; the topic was made anew: read it from its beginning"
    )


async def test_a_checkpoint_behind_the_end_is_told_before_anything_is_read(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given the second partition ends before the checkpoint, When read, Then nothing is."""
    topic = make_topic(2)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="roundRobin")
    await _deliver(options, make_records(4))
    reader = KafkaReader(options, Selection(checkpoint=f'{{"{topic}":{{"1":7}}}}'))

    with pytest.raises(ReplayError, match=r"partition 1 of topic .* ends at offset 2"):
        await anext(reader)

    assert reader.checkpoint == f'{{"{topic}":{{"1":7}}}}'


async def test_a_checkpoint_with_a_partition_that_is_not_there_is_told(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a topic of one partition, When read on from its sixth, Then that is refused."""
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic)

    with pytest.raises(ReplayError) as raised:
        await _bodies(options, Selection(checkpoint=f'{{"{topic}":{{"5":0}}}}'))

    assert str(raised.value) == (
        f"cannot read on from the checkpoint: there is no partition 5 of topic '{topic}'; leave it "
        "out of the checkpoint"
    )


def test_a_checkpoint_of_another_topic_is_told() -> None:
    """Given one topic, When it is to be read from a place in another, Then that is refused."""
    options = KafkaOptions(brokers="one", topic="events")

    with pytest.raises(ReplayError) as raised:
        KafkaReader(options, Selection(checkpoint='{"other":{"0":1}}'))

    assert str(raised.value) == (
        "cannot read on from the checkpoint: topic 'other' is not one of the backplane's: events"
    )


async def test_types_that_only_others_know_are_read_too(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given an event of a type that is not known here, When all is read, Then it comes."""
    options = KafkaOptions(brokers=brokers)
    with suppress(KafkaException):  # It may be there already.
        make_topic(name="experiment-events")
    own = make_record(make_outcome()).body.replace(b'"outcome"', b'"purchase"')
    await _deliver(options, [decode_record(own)])

    found = await _bodies(options, Selection())

    assert own in found


async def test_what_a_transaction_took_back_is_not_read(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given an aborted transaction at the end, When all is read, Then the reading ends before."""
    topic, records = make_topic(1), make_records(2)
    options = KafkaOptions(brokers=brokers, topic=topic)
    await _deliver(options, records)
    other = Producer({"bootstrap.servers": brokers, "transactional.id": topic})
    other.init_transactions(20)
    other.begin_transaction()
    other.produce(topic, make_records(1)[0].body)
    other.flush(20)
    other.abort_transaction(20)

    found = await _bodies(options, Selection())

    assert found == [record.body for record in records]


async def test_a_missing_topic_is_told(brokers: str) -> None:
    """Given a topic that does not exist, When it is read, Then it says so."""
    options = KafkaOptions(brokers=brokers, topic="not-there")

    with pytest.raises(UnavailableError, match="topic 'not-there' does not exist"):
        await _bodies(options, Selection())


async def test_a_missing_topic_that_is_made_at_the_next_opening_is_told(brokers: str) -> None:
    """Given createTopics is on already, When a missing topic is read, Then nobody says: say so."""
    creation = KafkaTopicCreation(enabled=True)
    options = KafkaOptions(brokers=brokers, topic="not-there", create_topics=creation)

    with pytest.raises(UnavailableError) as raised:
        await _bodies(options, Selection())

    assert str(raised.value) == (
        "topic 'not-there' does not exist; createTopics makes it when the backplane opens, as the "
        "next start of the application does, or doctor"
    )


async def test_a_cluster_that_does_not_answer_is_told() -> None:
    """Given nobody listens, When events are read, Then it says which broker does not answer."""
    port = free_port()

    with pytest.raises(TransientError, match=f"no broker answers: 127.0.0.1:{port}: Connection"):
        await _bodies(KafkaOptions(brokers=f"127.0.0.1:{port}"), Selection())
