"""Two brokers, of which one goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import TransientError
from experimentframework_core.plugin import OpenContext, Pingable
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_kafka import KafkaOptions, plugin
from tests.kafka._consumer import consume
from tests.kafka._tally import Tally, tally
from tests.kafka.topics import create_topic
from tests.peers.kafka_java import JavaBroker

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def second_broker(own_broker: JavaBroker) -> Iterator[JavaBroker]:
    """Return another broker in the cluster of the test's own."""
    with JavaBroker(first=own_broker) as broker:
        yield broker


async def test_one_broker_that_is_away_hinders_nobody(
    own_broker: JavaBroker, second_broker: JavaBroker
) -> None:
    """Given one of two brokers dies, When others are asked again and again, Then they answer."""
    topic = create_topic(own_broker.brokers, 1, replicas=2)
    options = KafkaOptions(brokers=own_broker.brokers, topic=topic)
    records = make_records(3)

    async with plugin.open(options, OpenContext(name="events")) as backplane:
        assert isinstance(backplane, Pingable)
        second_broker.kill()
        for _ in range(10):
            await backplane.ping()
        await backplane.deliver(records)

    assert len(consume(own_broker.brokers, topic)) == len(records)


async def test_too_few_replicas_in_sync_are_told_and_waited_for(
    own_broker: JavaBroker, second_broker: JavaBroker
) -> None:
    """Given one of two replicas goes, When time is up, Then it is told; later all arrives once."""
    topic = create_topic(own_broker.brokers, 1, replicas=2, min_insync_replicas="2")
    brokers = f"{second_broker.brokers},{own_broker.brokers}"
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="subjectId")
    records = [make_record(make_exposure(subject_id="u-1")) for _ in range(30)]

    async with plugin.open(options, OpenContext(name="events", delivery_timeout=12)) as backplane:
        assert isinstance(backplane, Pingable)
        await backplane.deliver(records[:10])
        second_broker.kill()
        with pytest.raises(TransientError) as raised:
            await backplane.deliver(records[10:])
        with pytest.raises(TransientError) as pinged:
            await backplane.ping()
        await asyncio.to_thread(second_broker.start)
        while True:
            try:
                await backplane.deliver(records[10:])
            except TransientError:
                continue
            break

    why = (
        f"partitions with fewer replicas in sync than acks: all needs: {topic}/0 "
        "(1 of 2, min.insync.replicas)"
    )
    said = f"not acknowledged in time, the brokers may have it or not; {why}"
    assert (str(raised.value), str(pinged.value)) == (said, why)
    assert tally(own_broker.brokers, topic, records, "a replica away") == Tally(30)
