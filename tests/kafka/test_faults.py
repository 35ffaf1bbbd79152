"""Brokers that die, hang and forget, with real processes and sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import OutOfOrderSequenceNumber

from experimentframework_core.errors import TransientError
from experimentframework_core.plugin import Backplane, OpenContext
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_kafka import KafkaOptions, plugin
from experimentframework_kafka._backplane import KafkaBackplane
from tests.kafka._proxy import FaultProxy
from tests.kafka._tally import LONG, Tally, tally
from tests.kafka.topics import create_topic
from tests.peers.delivering import deliver_all
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from experimentframework_core.envelope import Record
    from tests.peers.kafka_java import JavaBroker


PATIENT = OpenContext(name="events", delivery_timeout=30)
HURRIED = OpenContext(name="events", delivery_timeout=1)
LOST = 20
"""Requests or answers that are lost in a test."""

KILLS = 5 if LONG else 2

through_a_proxy = pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)


class Topic:
    """A topic of a test's own, and where its brokers are reached.

    Attributes:
        broker: The broker that has it.
        name: The topic.
    """

    def __init__(self, broker: JavaBroker, reached_at: str) -> None:
        """Create it, on the broker itself."""
        self.broker = broker
        self.name = create_topic(broker.brokers, 3)
        self._reached_at = reached_at

    def options(self, **said: object) -> KafkaOptions:
        """Return options that deliver to it, with whatever else is said."""
        values = {"brokers": self._reached_at, "topic": self.name, "partition_by": "subjectId"}
        return KafkaOptions(**{**values, **said})  # type: ignore[arg-type]

    def tally(self, records: Sequence[Record], fault: str) -> Tally:
        """Count what became of the records."""
        return tally(self.broker.brokers, self.name, records, fault)


@pytest.fixture
def topic(own_broker: JavaBroker) -> Topic:
    """Return a topic that is reached without a proxy."""
    return Topic(own_broker, own_broker.brokers)


@pytest.fixture
async def proxy(own_broker: JavaBroker) -> AsyncIterator[FaultProxy]:
    """Return a proxy that the broker of the test names as its own address."""
    async with FaultProxy(own_broker.advertised, own_broker.behind) as opened:
        yield opened


@pytest.fixture
def proxied(own_broker: JavaBroker, proxy: FaultProxy) -> Topic:
    """Return a topic that is reached through the proxy."""
    return Topic(own_broker, f"127.0.0.1:{own_broker.advertised}")


def story(number: int, subjects: int = 12) -> list[Record]:
    """Return exposures of subjects by turns."""
    return [
        make_record(make_exposure(subject_id=f"u-{at % subjects}", variant_key=f"v-{at}"))
        for at in range(number)
    ]


async def stream(
    backplane: Backplane,
    records: Sequence[Record],
    before: Callable[[], object] = lambda: None,
    pause: float = 0.0,
) -> None:
    """Deliver in batches, with something to be done before each, and a pause behind it."""
    for at in range(0, len(records), 500):
        before()
        await deliver_all(backplane, records[at : at + 500], pause=0.1)
        await asyncio.sleep(pause)


async def kill(broker: JavaBroker) -> None:
    """Kill a broker again and again, and start it again."""
    for _ in range(KILLS):
        await asyncio.sleep(0.3)
        broker.kill()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(broker.start)


def lose_an_answer(proxy: FaultProxy) -> None:
    """Have the next answer lost, unless enough are."""
    proxy.lose_answers = int(proxy.lost < LOST)


def lose_a_request(proxy: FaultProxy) -> None:
    """Have the next request lost, unless enough are."""
    proxy.lose_requests = int(proxy.lost < LOST)


async def test_a_broker_is_killed_again_and_again(topic: Topic) -> None:
    """Given kills with -9 in the stream, When all is over, Then all is there, once, in order."""
    records = story(100_000 if LONG else 20_000)

    async with plugin.open(topic.options(), PATIENT) as backplane:
        killing = asyncio.ensure_future(kill(topic.broker))
        await stream(backplane, records, pause=0.1)
        await killing

    assert topic.tally(records, f"{KILLS} kills") == Tally(len(records))


@through_a_proxy
@pytest.mark.parametrize("idempotent", [True, False])
async def test_acknowledgements_are_lost(
    proxy: FaultProxy,
    proxied: Topic,
    idempotent: bool,  # noqa: FBT001
) -> None:
    """Given lost acknowledgements, When all is over, Then all is there; with idempotence once."""
    records = story(100_000 if LONG else 10_000)

    async with plugin.open(proxied.options(enable_idempotence=idempotent), PATIENT) as backplane:
        await stream(backplane, records, partial(lose_an_answer, proxy))

    assert proxy.lost == LOST
    fault = f"{LOST} lost acknowledgements{'' if idempotent else ', without idempotence'}"
    found = proxied.tally(records, fault)
    assert (found.lost, found.disordered, found.twice == 0) == (0, 0, idempotent)


@through_a_proxy
@pytest.mark.parametrize("idempotent", [True, False])
async def test_requests_are_lost(
    proxy: FaultProxy,
    proxied: Topic,
    idempotent: bool,  # noqa: FBT001
) -> None:
    """Given requests that no broker gets, When all is over, Then all is there, once, in order."""
    records = story(100_000 if LONG else 10_000)

    async with plugin.open(proxied.options(enable_idempotence=idempotent), PATIENT) as backplane:
        await stream(backplane, records, partial(lose_a_request, proxy))

    assert proxy.lost == LOST
    fault = f"{LOST} lost requests{'' if idempotent else ', without idempotence'}"
    assert proxied.tally(records, fault) == Tally(len(records))


@through_a_proxy
async def test_acknowledgements_are_lost_while_the_broker_is_killed(
    proxy: FaultProxy, proxied: Topic
) -> None:
    """Given lost answers and kills together, When all is over, Then all is there, once."""
    records = story(100_000 if LONG else 20_000)

    async with plugin.open(proxied.options(), PATIENT) as backplane:
        killing = asyncio.ensure_future(kill(proxied.broker))
        await stream(backplane, records, partial(lose_an_answer, proxy), pause=0.05)
        await killing

    assert proxy.lost == LOST
    fault = f"{LOST} lost acknowledgements and {KILLS} kills"
    assert proxied.tally(records, fault) == Tally(len(records))


@through_a_proxy
async def test_a_slow_broker_is_waited_for(proxy: FaultProxy, proxied: Topic) -> None:
    """Given answers late but in time, When all is over, Then all is there, once, in order."""
    records = story(20_000 if LONG else 5_000)
    proxy.all_late = 0.2

    async with plugin.open(proxied.options(), PATIENT) as backplane:
        await stream(backplane, records)

    assert proxied.tally(records, "each answer 200 ms late") == Tally(len(records))


@through_a_proxy
async def test_answers_that_come_too_late_are_asked_for_again(
    proxy: FaultProxy, proxied: Topic
) -> None:
    """Given answers after requestTimeoutMs for a while, When it is over, Then all is there once."""
    records = story(20_000 if LONG else 5_000)

    async def be_late_for_a_while() -> None:
        proxy.produce_late = 0.8
        await asyncio.sleep(1.5)
        proxy.produce_late = 0

    async with plugin.open(proxied.options(request_timeout_ms=500), PATIENT) as backplane:
        for at in range(0, len(records), 500):
            delivering = stream(backplane, records[at : at + 500])
            await asyncio.gather(delivering, *([be_late_for_a_while()] if at % 2500 == 0 else []))

    assert proxied.tally(records, "answers later than requestTimeoutMs") == Tally(len(records))


@through_a_proxy
async def test_a_broker_that_hangs_delays_and_loses_nothing(
    proxy: FaultProxy, proxied: Topic
) -> None:
    """Given nothing comes through for a while, When it does again, Then all is there once."""
    records = story(20_000 if LONG else 500)

    async with plugin.open(proxied.options(), HURRIED) as backplane:
        await deliver_all(backplane, records[:100])
        proxy.handing_on.clear()
        with pytest.raises(TransientError, match="not acknowledged in time"):
            await backplane.deliver(records[100:])
        proxy.handing_on.set()
        await deliver_all(backplane, records[100:], pause=0.1)

    assert proxied.tally(records, "a hang") == Tally(len(records))


async def test_brokers_that_are_gone_are_told_long_before_the_delivery_ends(topic: Topic) -> None:
    """Given the broker is killed, When a delivery has time left, Then it ends and says so."""
    records = story(1000)
    loop = asyncio.get_running_loop()

    async with plugin.open(topic.options(), PATIENT) as backplane:
        await backplane.deliver(records[:500])
        topic.broker.kill()
        began = loop.time()
        for _ in range(2):
            with pytest.raises(TransientError) as raised:
                await backplane.deliver(records[500:])
        took = loop.time() - began
        await asyncio.to_thread(topic.broker.start)
        await deliver_all(backplane, records[500:], pause=0.1)

    assert took < PATIENT.delivery_timeout / 2
    assert str(raised.value) == (
        "not acknowledged in time, the brokers may have it or not; no broker answers: "
        f"{topic.broker.brokers}: Connection refused"
    )
    assert topic.tally(records, "a kill that is told at once") == Tally(len(records))


async def test_closing_is_bounded_while_the_broker_hangs(topic: Topic) -> None:
    """Given a broker that has stopped, When the backplane closes, Then it does so in seconds."""
    loop = asyncio.get_running_loop()

    async with plugin.open(topic.options(), HURRIED) as backplane:
        await deliver_all(backplane, make_records(5))
        topic.broker.pause()
        with suppress(TransientError):
            await backplane.deliver(make_records(5))
        began = loop.time()
    took = loop.time() - began
    topic.broker.go_on()

    assert took < 20


async def test_closing_after_the_broker_died_leaves_nothing_behind(topic: Topic) -> None:
    """Given a batch that no broker will take, When the backplane closes, Then all of it ends."""
    loop, said, before = asyncio.get_running_loop(), list[object](), asyncio.all_tasks()
    loop.set_exception_handler(lambda _, context: said.append(context))

    async with plugin.open(topic.options(), HURRIED) as backplane:
        await deliver_all(backplane, make_records(5))
        topic.broker.kill()
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
    records = story(30)

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


async def test_brokers_that_have_moved_are_found(topic: Topic) -> None:
    """Given all known brokers are gone, When others are where it began, Then they are used."""
    broker, listening = topic.broker, free_port()
    options = topic.options(brokers=f"{broker.brokers},127.0.0.1:{listening}")
    records = story(20)

    async with plugin.open(options, OpenContext(name="events", delivery_timeout=3)) as backplane:
        await deliver_all(backplane, records[:10])
        broker.kill()
        broker.move_to(listening)
        await asyncio.to_thread(broker.start)
        await deliver_all(backplane, records[10:], pause=0.1)

    assert topic.tally(records, "brokers that moved") == Tally(len(records))
