"""A reading that goes on while topics come and go, and brokers too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from experimentframework_core.codec import encode
from experimentframework_core.errors import ReplayError, TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_outcome, make_record, make_records
from experimentframework_kafka import KafkaOptions, _reader, plugin
from experimentframework_kafka._reader import KafkaReader
from tests.kafka._peer import peer
from tests.kafka.topics import add_partitions, create_topic, delete_topic, drop_before
from tests.peers.delivering import deliver_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from experimentframework_core.envelope import Record
    from tests.peers.kafka_java import JavaBroker

FOLLOW = Selection(follow=True)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def _deliver(options: KafkaOptions, batch: Sequence[Record]) -> None:
    async with plugin.open(options, OpenContext(name="events")) as backplane:
        await deliver_all(backplane, batch)


async def _take(reader: KafkaReader, number: int) -> set[bytes]:
    return {encode(await anext(reader)) for _ in range(number)}


async def _take_all(reader: KafkaReader, taken: set[bytes]) -> None:
    async for envelope in reader:
        taken.add(encode(envelope))


def _bodies(batch: Sequence[Record]) -> set[bytes]:
    return {record.body for record in batch}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have readings look for new topics and partitions without much ado."""
    monkeypatch.setattr(_reader, "LOOK_FOR_NEW", 0.3)


@pytest.mark.usefixtures("often")
async def test_a_topic_that_is_made_later_is_read(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a reading that follows, When another topic comes, Then its events come too."""
    exposures = make_topic()
    later = f"{exposures}-outcomes"
    options = KafkaOptions(brokers=brokers, topics={"exposure": exposures, "outcome": later})
    reader = KafkaReader(options, Selection(types=("exposure", "outcome"), follow=True))
    early, late = make_records(3), [make_record(make_outcome()) for _ in range(3)]
    await _deliver(options, early)

    first = await _take(reader, 3)
    make_topic(name=later)
    await _deliver(options, late)
    second = await _take(reader, 3)
    await reader.aclose()

    assert (first, second) == (_bodies(early), _bodies(late))


@pytest.mark.usefixtures("often")
async def test_a_partition_that_is_made_later_is_read(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a reading that follows, When partitions are added, Then their events come too."""
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="roundRobin")
    reader = KafkaReader(options, FOLLOW)
    early, late = make_records(3), make_records(40)
    await _deliver(options, early)

    first = await _take(reader, 3)
    await asyncio.to_thread(add_partitions, brokers, topic, 4)
    await _deliver(options, late)
    second = await _take(reader, 40)
    await reader.aclose()

    assert (first, second) == (_bodies(early), _bodies(late))


@pytest.mark.parametrize("follow", [True, False])
async def test_a_topic_that_is_deleted_is_told(
    follow: bool,  # noqa: FBT001
    brokers: str,
    make_topic: Callable[..., str],
) -> None:
    """Given a topic that is being read, When it is deleted, Then that is told before long."""
    topic = make_topic(2)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="roundRobin")
    await _deliver(options, make_records(1200))
    reader = KafkaReader(options, Selection(follow=follow))
    await _take(reader, 1200 if follow else 1)

    await asyncio.to_thread(delete_topic, brokers, topic)
    with pytest.raises(UnavailableError) as raised:
        await _take(reader, 1200)
    await reader.aclose()

    assert str(raised.value) == f"cannot read on: topic '{topic}' has been deleted"


async def test_what_retention_takes_away_is_told(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a reading to the end, When brokers drop what is next, Then it is told and it goes on.

    What had been fetched before still comes.
    """
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic)
    records = make_records(30_000)
    for at in range(0, len(records), 5000):
        await _deliver(options, records[at : at + 5000])
    reader = KafkaReader(options, Selection())
    first = encode(await anext(reader))

    await asyncio.to_thread(drop_before, brokers, topic, 29_900)
    fetched: set[bytes] = set()
    with pytest.raises(ReplayError, match=f"to 29,899 of partition 0 of topic '{topic}'") as told:
        await _take_all(reader, fetched)
    rest = [encode(envelope) async for envelope in reader]

    assert first == records[0].body
    assert rest == [record.body for record in records[-100:]]
    assert told.value.lost == 29_899 - len(fetched)


async def test_what_retention_took_before_a_checkpoint_is_told(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given brokers dropped what is behind a checkpoint, When resumed, Then it tells and goes on.

    Not where all that is asked for happened later.
    """
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic)
    times = [NOON + timedelta(hours=hour) for hour in range(10)]
    records = [make_record(timestamp=time) for time in times]
    await _deliver(options, records)
    await asyncio.to_thread(drop_before, brokers, topic, 5)
    checkpoint = f'{{"{topic}":{{"0":2}}}}'

    reader = KafkaReader(options, Selection(checkpoint=checkpoint))
    with pytest.raises(ReplayError, match=r"the offsets 2 to 4 .*, at most 3 events") as told:
        await anext(reader)
    behind = reader.checkpoint
    rest = [encode(envelope) async for envelope in reader]
    late = KafkaReader(options, Selection(checkpoint=checkpoint, since=times[7]))
    later = [encode(envelope) async for envelope in late]

    assert told.value.lost == 3
    assert behind == f'{{"{topic}":{{"0":5}}}}'
    assert rest == [record.body for record in records[5:]]
    assert later == [record.body for record in records[7:]]


async def test_a_topic_that_is_made_anew_while_it_is_followed_is_told(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given a topic is followed, When it is made anew, Then nothing is passed over in silence."""
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic)
    await _deliver(options, make_records(50))
    reader = KafkaReader(options, FOLLOW)
    await _take(reader, 50)

    await asyncio.to_thread(delete_topic, brokers, topic)
    make_topic(1, name=topic)
    with pytest.raises((ReplayError, UnavailableError), match=r"was made anew|has been deleted"):
        await _take(reader, 1)
    await reader.aclose()


async def test_a_broker_that_comes_back_is_read_on(own_broker: JavaBroker) -> None:
    """Given a broker dies while it is followed, When it is back, Then what comes is read."""
    topic = create_topic(own_broker.brokers, 1)
    options = KafkaOptions(brokers=own_broker.brokers, topic=topic)
    reader = KafkaReader(options, FOLLOW)
    early, late = make_records(3), make_records(3)
    await _deliver(options, early)

    first = await _take(reader, 3)
    waiting = asyncio.ensure_future(_take(reader, 3))
    own_broker.kill()
    await asyncio.sleep(1)
    await asyncio.to_thread(own_broker.start)
    await _deliver(options, late)
    second = await waiting
    await reader.aclose()

    assert (first, second) == (_bodies(early), _bodies(late))


@pytest.mark.parametrize("ends", ["dies", "hangs"])
async def test_a_broker_that_stays_away_is_told_and_read_on_later(
    own_broker: JavaBroker, ends: str
) -> None:
    """Given a broker stays away, When patience is over, Then that is told; later it goes on."""
    topic = create_topic(own_broker.brokers, 1)
    options = KafkaOptions(brokers=own_broker.brokers, topic=topic)
    reader = KafkaReader(replace(options, request_timeout_ms=2000), FOLLOW)
    early, late = make_records(3), make_records(3)
    await _deliver(options, early)
    first = await _take(reader, 3)

    if ends == "dies":
        own_broker.kill()
    else:
        own_broker.pause()
    with pytest.raises(TransientError) as raised:
        await _take(reader, 1)
    if ends == "dies":
        await asyncio.to_thread(own_broker.start)
    else:
        own_broker.go_on()
    await _deliver(options, late)
    second = await _take(reader, 3)
    await reader.aclose()

    reason = "Connection refused" if ends == "dies" else "no answer in time"
    assert str(raised.value) == (
        f"cannot read on: {topic}/0 did not answer for 2 s; no broker answers: "
        f"{own_broker.brokers}: {reason}"
    )
    assert (first, second) == (_bodies(early), _bodies(late))


async def test_a_reading_to_the_end_goes_on_after_a_kill(own_broker: JavaBroker) -> None:
    """Given a broker dies while all is read, When it is back, Then the rest comes, once."""
    topic = create_topic(own_broker.brokers, 2)
    options = KafkaOptions(
        brokers=own_broker.brokers,
        topic=topic,
        partition_by="roundRobin",
        request_timeout_ms=1000,
    )
    records = make_records(6_000)
    for at in range(0, len(records), 1_000):
        await _deliver(options, records[at : at + 1_000])
    reader = KafkaReader(options, Selection())
    first = await _take(reader, 1_000)

    own_broker.kill()
    with pytest.raises(TransientError) as raised:
        await _take_all(reader, first)
    await asyncio.to_thread(own_broker.start)
    rest = set[bytes]()
    await _take_all(reader, rest)

    assert str(raised.value).endswith(f"{own_broker.brokers}: Connection refused")
    assert len(first) + len(rest) == len(records)
    assert first | rest == _bodies(records)


async def test_closing_ends_who_waits(brokers: str, make_topic: Callable[..., str]) -> None:
    """Given a task waits for the next event, When the reader is closed, Then it ends well."""
    options = KafkaOptions(brokers=brokers, topic=make_topic())
    await _deliver(options, make_records(2))
    before = asyncio.all_tasks()
    reader = KafkaReader(options, FOLLOW)
    await _take(reader, 2)
    waiting = asyncio.ensure_future(_take_all(reader, set()))
    await asyncio.sleep(0.1)

    await reader.aclose()
    await waiting
    rest = [envelope async for envelope in reader]

    assert rest == []
    assert asyncio.all_tasks() == before


async def test_closing_ends_who_waits_for_the_first_event() -> None:
    """Given brokers do not answer, When the reader is closed, Then who waits for it ends well."""
    async with peer(None) as port:
        reader = KafkaReader(KafkaOptions(brokers=f"127.0.0.1:{port}"), FOLLOW)
        waiting = asyncio.ensure_future(_take_all(reader, set()))
        await asyncio.sleep(0.1)

        await reader.aclose()
        await waiting

    assert waiting.exception() is None


async def test_leaving_is_bounded_while_the_broker_hangs(own_broker: JavaBroker) -> None:
    """Given a broker that has stopped, When a reading is left, Then that takes seconds."""
    topic = create_topic(own_broker.brokers, 1)
    options = KafkaOptions(brokers=own_broker.brokers, topic=topic)
    reader = KafkaReader(options, FOLLOW)
    await _deliver(options, make_records(2))
    await _take(reader, 1)
    loop = asyncio.get_running_loop()

    own_broker.pause()
    began = loop.time()
    await reader.aclose()
    took = loop.time() - began
    own_broker.go_on()

    assert took < 20
