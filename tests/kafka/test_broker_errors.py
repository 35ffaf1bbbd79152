"""What becomes of events when brokers answer with errors, on librdkafka's mock cluster."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import (
    DeliveryError,
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import OpenContext, Pingable
from experimentframework_core.testing import make_records
from experimentframework_kafka import KafkaOptions, plugin
from tests.kafka._consumer import consume
from tests.kafka._mock_cluster import CUT, NOBODY, PRODUCE, MockCluster, library
from tests.peers.delivering import deliver_all

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(library() is None, reason="confluent-kafka is no wheel for Linux")

RETRIED = [CUT, 3, 5, 6, 7, 19, 20, 56]
"""Errors that aiokafka itself tries again, and that nobody sees."""

LATER = [-1, 2, 9, 13, 45, 47, 49, 59, 74, 75, 89, 90]
"""Errors that aiokafka raises; to try again later, with a new producer, is right."""

REFUSED = [17, 29, 31, 42, 44]
"""Errors that somebody must mend."""

RECORD = [10, 18, 32]
"""Errors that speak of a record."""


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with MockCluster() as cluster:
        cluster.create_topic("events", 1)
        yield cluster


def _options(cluster: MockCluster) -> KafkaOptions:
    return KafkaOptions(brokers=cluster.brokers, topic="events")


@pytest.mark.parametrize("code", RETRIED)
async def test_an_error_that_passes_is_not_seen(cluster: MockCluster, code: int) -> None:
    """Given one passing error, When events are delivered, Then they arrive in the same call."""
    records = make_records(5)
    cluster.answer(PRODUCE, code)

    async with plugin.open(_options(cluster), OpenContext(name="events")) as backplane:
        await backplane.deliver(records)

    arrived = [seen.value for seen in consume(cluster.brokers, "events")]
    assert arrived == [record.body for record in records]


@pytest.mark.parametrize(
    ("code", "meaning"),
    [*((code, TransientError) for code in LATER), *((code, UnavailableError) for code in REFUSED)],
)
async def test_an_error_that_is_told_leaves_the_backplane_usable(
    cluster: MockCluster, code: int, meaning: type[DeliveryError]
) -> None:
    """Given one other error, When it was told and events come again, Then they arrive."""
    records = make_records(5)
    cluster.answer(PRODUCE, code)

    async with plugin.open(_options(cluster), OpenContext(name="events")) as backplane:
        with pytest.raises(DeliveryError) as raised:
            await backplane.deliver(records)
        await backplane.deliver(records)

    assert type(raised.value) is meaning
    arrived = [seen.value for seen in consume(cluster.brokers, "events")]
    assert arrived == [record.body for record in records]


@pytest.mark.parametrize("code", RECORD)
async def test_an_error_about_a_record_is_blamed_on_one(cluster: MockCluster, code: int) -> None:
    """Given batches are refused down to the third record, Then it fails and the others arrive."""
    records = make_records(5)
    cluster.answer(PRODUCE, code, 0, code, code)  # 0-4; 0 and 1; 2, 3, 4; 2

    async with plugin.open(_options(cluster), OpenContext(name="events")) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver(records)

    assert {at: type(each) for at, each in raised.value.failures.items()} == {2: PermanentError}
    arrived = [seen.value for seen in consume(cluster.brokers, "events")]
    assert arrived == [records[at].body for at in (0, 1, 3, 4)]


async def test_a_leader_that_moves_is_followed(cluster: MockCluster) -> None:
    """Given the leader moves between deliveries, When more come, Then all arrive in order."""
    batches = [make_records(5) for _ in range(4)]

    async with plugin.open(_options(cluster), OpenContext(name="events")) as backplane:
        for number, batch in enumerate(batches):
            cluster.lead("events", 0, 1 + number % 3)
            await backplane.deliver(batch)

    arrived = [seen.value for seen in consume(cluster.brokers, "events")]
    assert arrived == [record.body for batch in batches for record in batch]


async def test_a_partition_without_a_leader_is_told_by_ping(cluster: MockCluster) -> None:
    """Given a partition has no leader, When the backplane is pinged, Then it is named."""
    async with plugin.open(_options(cluster), OpenContext(name="events")) as backplane:
        assert isinstance(backplane, Pingable)
        await backplane.ping()
        cluster.lead("events", 0, NOBODY)

        with pytest.raises(TransientError) as raised:
            await backplane.ping()

    assert str(raised.value) == "partitions without a leader: events/0"


async def test_a_partition_without_a_leader_is_named_and_waited_for(cluster: MockCluster) -> None:
    """Given no leader, When time is up, Then that is told; with one again, events arrive once."""
    records = make_records(5)
    context = OpenContext(name="events", delivery_timeout=2)

    async with plugin.open(_options(cluster), context) as backplane:
        await deliver_all(backplane, records[:2])
        cluster.lead("events", 0, NOBODY)
        with pytest.raises(TransientError) as raised:
            await backplane.deliver(records[2:])
        cluster.lead("events", 0, 1)
        await deliver_all(backplane, records[2:])

    assert str(raised.value) == (
        "not acknowledged in time, the brokers may have it or not; "
        "partitions without a leader: events/0"
    )
    arrived = [seen.value for seen in consume(cluster.brokers, "events")]
    assert arrived == [record.body for record in records]


async def test_a_batch_that_waits_for_its_next_try_ends_in_silence(cluster: MockCluster) -> None:
    """Given a batch that is to be sent again, When the backplane closes, Then nothing is logged."""
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    context = OpenContext(name="events", delivery_timeout=1)

    async with plugin.open(_options(cluster), context) as backplane:
        await deliver_all(backplane, make_records(5))
        cluster.answer(PRODUCE, 6)
        cluster.lead("events", 0, NOBODY)
        with pytest.raises(TransientError, match="not acknowledged in time"):
            await backplane.deliver(make_records(5))
    await asyncio.sleep(0)
    gc.collect()

    assert said == []


async def test_round_robin_leaves_out_a_partition_without_a_leader(cluster: MockCluster) -> None:
    """Given one of three partitions has no leader, When events take turns, Then it gets none."""
    cluster.create_topic("spread", 3)
    cluster.lead("spread", 1, NOBODY)
    options = KafkaOptions(brokers=cluster.brokers, topic="spread", partition_by="roundRobin")

    async with plugin.open(options, OpenContext(name="events")) as backplane:
        await backplane.deliver(make_records(10))

    cluster.lead("spread", 1, 1)
    found = Counter(seen.partition for seen in consume(cluster.brokers, "spread"))
    assert found == {0: 5, 2: 5}
