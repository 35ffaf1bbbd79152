"""Brokers that die, hang and forget, with real processes and sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import OutOfOrderSequenceNumber

from experimentframework_core.errors import TransientError
from experimentframework_core.plugin import Backplane, OpenContext
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_kafka import KafkaOptions, plugin
from experimentframework_kafka._backplane import KafkaBackplane
from tests.kafka._delivering import deliver_all
from tests.kafka._proxy import FaultProxy
from tests.kafka._tally import LONG, Tally, tally
from tests.kafka.topics import create_topic
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from experimentframework_core.envelope import Record
    from tests.peers.kafka_java import JavaBroker


PATIENT = OpenContext(name="events", delivery_timeout=30)


def _options(brokers: str, topic: str, **said: object) -> KafkaOptions:
    return KafkaOptions(brokers=brokers, topic=topic, partition_by="subjectId", **said)  # type: ignore[arg-type]


def _story(number: int, subjects: int = 12) -> list[Record]:
    return [
        make_record(make_exposure(subject_id=f"u-{at % subjects}", variant_key=f"v-{at}"))
        for at in range(number)
    ]


@pytest.fixture
async def proxied(own_broker: JavaBroker) -> AsyncIterator[tuple[FaultProxy, str]]:
    """Return a proxy that the broker of the test names as its own address, and where it is."""
    async with FaultProxy(own_broker.advertised, own_broker.behind) as proxy:
        yield proxy, f"127.0.0.1:{own_broker.advertised}"


async def _stream(
    backplane: Backplane, records: Sequence[Record], before: Callable[[], object] = lambda: None
) -> None:
    """Deliver in batches, with something to be done before each."""
    for at in range(0, len(records), 500):
        before()
        await deliver_all(backplane, records[at : at + 500])


async def _kill(broker: JavaBroker, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0.3)
        broker.kill()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(broker.start)


async def test_a_broker_is_killed_again_and_again(own_broker: JavaBroker) -> None:
    """Given kills with -9 in the stream, When all is over, Then all is there, once, in order."""
    topic = create_topic(own_broker.brokers, 3)
    options = KafkaOptions(brokers=own_broker.brokers, topic=topic, partition_by="subjectId")
    records = _story(100_000 if LONG else 20_000)
    kills = 5 if LONG else 2

    async with plugin.open(options, PATIENT) as backplane:
        killing = asyncio.ensure_future(_kill(own_broker, kills))
        for at in range(0, len(records), 500):
            await deliver_all(backplane, records[at : at + 500])
            await asyncio.sleep(0.1)
        await killing

    found = tally(own_broker.brokers, topic, records, f"{kills} kills")
    assert found == Tally(len(records))


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
@pytest.mark.parametrize("idempotent", [True, False])
async def test_acknowledgements_are_lost(
    own_broker: JavaBroker,
    proxied: tuple[FaultProxy, str],
    idempotent: bool,  # noqa: FBT001
) -> None:
    """Given lost acknowledgements, When all is over, Then all is there; with idempotence once."""
    proxy, brokers = proxied
    topic = create_topic(own_broker.brokers, 3)
    options = _options(brokers, topic, enable_idempotence=idempotent)
    records = _story(100_000 if LONG else 10_000)

    def lose() -> None:
        proxy.lose_answers = int(proxy.lost < 20)

    async with plugin.open(options, PATIENT) as backplane:
        await _stream(backplane, records, lose)

    assert proxy.lost == 20
    fault = f"20 lost acknowledgements{'' if idempotent else ', without idempotence'}"
    found = tally(own_broker.brokers, topic, records, fault)
    assert (found.lost, found.disordered, found.twice == 0) == (0, 0, idempotent)


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
@pytest.mark.parametrize("idempotent", [True, False])
async def test_requests_are_lost(
    own_broker: JavaBroker,
    proxied: tuple[FaultProxy, str],
    idempotent: bool,  # noqa: FBT001
) -> None:
    """Given requests that no broker gets, When all is over, Then all is there, once, in order."""
    proxy, brokers = proxied
    topic = create_topic(own_broker.brokers, 3)
    options = _options(brokers, topic, enable_idempotence=idempotent)
    records = _story(100_000 if LONG else 10_000)

    def lose() -> None:
        proxy.lose_requests = int(proxy.lost < 20)

    async with plugin.open(options, PATIENT) as backplane:
        await _stream(backplane, records, lose)

    assert proxy.lost == 20
    fault = f"20 lost requests{'' if idempotent else ', without idempotence'}"
    assert tally(own_broker.brokers, topic, records, fault) == Tally(len(records))


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
async def test_acknowledgements_are_lost_while_the_broker_is_killed(
    own_broker: JavaBroker, proxied: tuple[FaultProxy, str]
) -> None:
    """Given 20 lost answers and kills together, When all is over, Then all is there, once."""
    proxy, brokers = proxied
    topic = create_topic(own_broker.brokers, 3)
    records = _story(100_000 if LONG else 20_000)
    kills = 5 if LONG else 2

    def lose() -> None:
        proxy.lose_answers = int(proxy.lost < 20)

    async with plugin.open(_options(brokers, topic), PATIENT) as backplane:
        killing = asyncio.ensure_future(_kill(own_broker, kills))
        for at in range(0, len(records), 500):
            await _stream(backplane, records[at : at + 500], lose)
            await asyncio.sleep(0.05)
        await killing

    assert proxy.lost == 20
    fault = f"20 lost acknowledgements and {kills} kills"
    assert tally(own_broker.brokers, topic, records, fault) == Tally(len(records))


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
async def test_a_slow_broker_is_waited_for(
    own_broker: JavaBroker, proxied: tuple[FaultProxy, str]
) -> None:
    """Given answers late but in time, When all is over, Then all is there, once, in order."""
    proxy, brokers = proxied
    topic = create_topic(own_broker.brokers, 3)
    records = _story(20_000 if LONG else 5_000)
    proxy.all_late = 0.2

    async with plugin.open(_options(brokers, topic), PATIENT) as backplane:
        await _stream(backplane, records)

    found = tally(own_broker.brokers, topic, records, "each answer 200 ms late")
    assert found == Tally(len(records))


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
async def test_answers_that_come_too_late_are_asked_for_again(
    own_broker: JavaBroker, proxied: tuple[FaultProxy, str]
) -> None:
    """Given answers after requestTimeoutMs for a while, When it is over, Then all is there once."""
    proxy, brokers = proxied
    topic = create_topic(own_broker.brokers, 3)
    options = _options(brokers, topic, request_timeout_ms=500)
    records = _story(20_000 if LONG else 5_000)

    async def be_late_for_a_while() -> None:
        proxy.produce_late = 0.8
        await asyncio.sleep(1.5)
        proxy.produce_late = 0

    async with plugin.open(options, PATIENT) as backplane:
        for at in range(0, len(records), 500):
            delivering = deliver_all(backplane, records[at : at + 500])
            await asyncio.gather(delivering, *([be_late_for_a_while()] if at % 2500 == 0 else []))

    found = tally(own_broker.brokers, topic, records, "answers later than requestTimeoutMs")
    assert found == Tally(len(records))


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
async def test_a_broker_that_hangs_delays_and_loses_nothing(
    own_broker: JavaBroker, proxied: tuple[FaultProxy, str]
) -> None:
    """Given nothing comes through for a while, When it does again, Then all is there once."""
    proxy, brokers = proxied
    topic = create_topic(own_broker.brokers, 3)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="subjectId")
    records = _story(20_000 if LONG else 500)

    async with plugin.open(options, OpenContext(name="events", delivery_timeout=1)) as backplane:
        await deliver_all(backplane, records[:100])
        proxy.handing_on.clear()
        with pytest.raises(TransientError, match="not acknowledged in time"):
            await backplane.deliver(records[100:])
        proxy.handing_on.set()
        await deliver_all(backplane, records[100:])

    assert tally(own_broker.brokers, topic, records, "a hang") == Tally(len(records))


async def test_brokers_that_are_gone_are_told_long_before_the_delivery_ends(
    own_broker: JavaBroker,
) -> None:
    """Given the broker is killed, When a delivery has time left, Then it ends and says so."""
    topic = create_topic(own_broker.brokers, 3)
    records = _story(1000)
    loop = asyncio.get_running_loop()

    async with plugin.open(_options(own_broker.brokers, topic), PATIENT) as backplane:
        await backplane.deliver(records[:500])
        own_broker.kill()
        began = loop.time()
        for _ in range(2):
            with pytest.raises(TransientError) as raised:
                await backplane.deliver(records[500:])
        took = loop.time() - began
        await asyncio.to_thread(own_broker.start)
        await deliver_all(backplane, records[500:])

    assert took < PATIENT.delivery_timeout / 2
    assert str(raised.value) == (
        "not acknowledged in time, the brokers may have it or not; no broker answers: "
        f"{own_broker.brokers}: Connection refused"
    )
    found = tally(own_broker.brokers, topic, records, "a kill that is told at once")
    assert found == Tally(len(records))


async def test_closing_is_bounded_while_the_broker_hangs(own_broker: JavaBroker) -> None:
    """Given a broker that has stopped, When the backplane closes, Then it does so in seconds."""
    topic = create_topic(own_broker.brokers, 1)
    options = KafkaOptions(brokers=own_broker.brokers, topic=topic)
    loop = asyncio.get_running_loop()

    async with plugin.open(options, OpenContext(name="events", delivery_timeout=1)) as backplane:
        await deliver_all(backplane, make_records(5))
        own_broker.pause()
        with suppress(TransientError):
            await backplane.deliver(make_records(5))
        began = loop.time()
    took = loop.time() - began
    own_broker.go_on()

    assert took < 20


async def test_closing_after_the_broker_died_leaves_nothing_behind(own_broker: JavaBroker) -> None:
    """Given a batch that no broker will take, When the backplane closes, Then all of it ends."""
    topic = create_topic(own_broker.brokers, 1)
    options = KafkaOptions(brokers=own_broker.brokers, topic=topic)
    loop, said, before = asyncio.get_running_loop(), list[object](), asyncio.all_tasks()
    loop.set_exception_handler(lambda _, context: said.append(context))

    async with plugin.open(options, OpenContext(name="events", delivery_timeout=1)) as backplane:
        await deliver_all(backplane, make_records(5))
        own_broker.kill()
        with pytest.raises(TransientError, match="not acknowledged in time"):
            await backplane.deliver(make_records(5))
    await asyncio.sleep(0.3)

    assert said == []
    assert asyncio.all_tasks() == before


async def test_no_broker_at_the_start_is_told() -> None:
    """Given nobody listens, When the backplane opens, Then each broker is named with why."""
    first, second = free_port(), free_port()
    options = KafkaOptions(brokers=f"127.0.0.1:{first}, 127.0.0.1:{second}")

    with pytest.raises(TransientError) as raised:
        async with plugin.open(options, OpenContext(name="events")):
            pass

    assert type(raised.value) is TransientError
    assert str(raised.value) == (
        f"no broker answers: 127.0.0.1:{first}: Connection refused; "
        f"127.0.0.1:{second}: Connection refused"
    )


async def test_a_producer_that_the_brokers_do_not_know_any_more_is_replaced(
    brokers: str, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a gap in the numbers, When events are delivered again, Then a new producer has them."""
    topic = make_topic(1)
    options = KafkaOptions(brokers=brokers, topic=topic, partition_by="subjectId")
    records = _story(30)

    async with plugin.open(options, OpenContext(name="events")) as backplane:
        assert isinstance(backplane, KafkaBackplane)
        await backplane.deliver(records[:10])
        poisoned = backplane._connected()
        assert isinstance(poisoned, AIOKafkaProducer)
        for partition in list(poisoned._txn_manager._sequence_numbers):
            poisoned._txn_manager.increment_sequence_number(partition, 7)
        with pytest.raises(TransientError) as raised:
            await backplane.deliver(records[10:20])
        await backplane.deliver(records[10:])

    assert isinstance(raised.value.__cause__, OutOfOrderSequenceNumber)
    assert tally(brokers, topic, records, "a producer with a gap") == Tally(len(records))


async def test_brokers_that_have_moved_are_found(own_broker: JavaBroker) -> None:
    """Given all known brokers are gone, When others are where it began, Then they are used."""
    listening = free_port()
    topic = create_topic(own_broker.brokers, 1)
    options = KafkaOptions(
        brokers=f"{own_broker.brokers},127.0.0.1:{listening}", topic=topic, partition_by="subjectId"
    )
    records = _story(20)

    async with plugin.open(options, OpenContext(name="events", delivery_timeout=3)) as backplane:
        await deliver_all(backplane, records[:10])
        own_broker.kill()
        own_broker.move_to(listening)
        await asyncio.to_thread(own_broker.start)
        await deliver_all(backplane, records[10:])

    assert tally(own_broker.brokers, topic, records, "brokers that moved") == Tally(len(records))
