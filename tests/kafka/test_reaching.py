"""Which broker is found, and why none is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext, Pingable, Selection
from experimentframework_core.testing import make_records
from experimentframework_kafka import KafkaOptions, KafkaSecurity, _producer, _reaching, plugin
from experimentframework_kafka._reader import read_kafka
from tests.kafka._consumer import consume
from tests.kafka._peer import KAFKA_0_10, KAFKA_2_0, KAFKA_OF_SOME_DAY, peer
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.peers.kafka_java import JavaBroker

CONTEXT = OpenContext(name="events")


async def _why_not(options: KafkaOptions) -> TransientError:
    with pytest.raises(TransientError) as raised:
        async with plugin.open(options, CONTEXT):
            pass
    return raised.value


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_bad_broker_before_a_good_one_keeps_nobody_waiting(
    hangs: bool,  # noqa: FBT001
    brokers: str,
    make_topic: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given the first hangs or is dead, When the backplane opens, Then it does by the second."""
    monkeypatch.setattr(_reaching, "PATIENCE", 40.0)
    topic, records = make_topic(), make_records(3)
    loop = asyncio.get_running_loop()
    async with peer(None) as hanging:
        first = hanging if hangs else free_port()
        options = KafkaOptions(brokers=f"127.0.0.1:{first},{brokers}", topic=topic)
        began = loop.time()

        async with plugin.open(options, CONTEXT) as backplane:
            took = loop.time() - began
            await backplane.deliver(records)

    assert took < _reaching.PATIENCE / 2
    assert [seen.value for seen in consume(brokers, topic)] == [each.body for each in records]


async def test_a_broker_that_never_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a server that takes connections only, When opened, Then it says so before long."""
    monkeypatch.setattr(_reaching, "PATIENCE", 0.2)
    async with peer(None) as port:
        error = await _why_not(KafkaOptions(brokers=f"127.0.0.1:{port}"))

    assert type(error) is TransientError
    assert str(error) == f"no broker answers: 127.0.0.1:{port}: no answer in time"


async def test_a_name_that_cannot_be_resolved_is_told() -> None:
    """Given a name that nobody knows, When the backplane opens, Then it says that."""
    error = await _why_not(KafkaOptions(brokers="kafka.invalid:9092"))

    assert type(error) is TransientError
    assert str(error).startswith("no broker answers: kafka.invalid:9092: the name cannot be resolv")
    assert "Unknown error" not in str(error)


async def test_encryption_that_the_broker_does_not_speak_is_told(brokers: str) -> None:
    """Given a plain listener, When it is spoken to encrypted, Then the error is that of TLS."""
    error = await _why_not(KafkaOptions(brokers=brokers, security=KafkaSecurity(protocol="SSL")))

    assert str(error) == (
        f"no broker answers: {brokers}: it closes the connection; does it speak SSL there "
        "(security.protocol), or ask for a certificate (security.certfile)?"
    )


@pytest.mark.parametrize(
    ("versions", "changes", "why"),
    [
        (
            KAFKA_0_10,
            {},
            (
                "it is too old: it takes Produce requests up to version 2;"
                " Kafka 0.11 or newer is needed"
            ),
        ),
        (
            {3: (0, 1), 18: (0, 0)},
            {},
            "it is too old: it has no Produce; Kafka 0.11 or newer is needed",
        ),
        (
            {each: taken for each, taken in KAFKA_2_0.items() if each != 22},
            {},
            "it is too old: it has no InitProducerId; Kafka 0.11 or newer is needed",
        ),
        (
            KAFKA_2_0,
            {"compression_type": "zstd"},
            "it is too old for compressionType zstd, which needs Kafka 2.1; expected another",
        ),
        (
            KAFKA_OF_SOME_DAY,
            {},
            (
                "it is too new for the aiokafka that is installed: it takes Produce requests only"
                " from version 12 on; install a newer aiokafka"
            ),
        ),
    ],
    ids=["0.10", "nothing", "no idempotence", "no zstd", "too new"],
)
async def test_a_broker_of_the_wrong_age_is_told(
    versions: Mapping[int, tuple[int, int]], changes: dict[str, object], why: str
) -> None:
    """Given a broker too old or new, When opened, Then it says which Kafka is needed."""
    async with peer(versions) as port:
        options = KafkaOptions(brokers=f"127.0.0.1:{port}", **changes)  # type: ignore[arg-type]
        error = await _why_not(options)

    assert type(error) is UnavailableError
    assert str(error) == f"cannot use 127.0.0.1:{port}: {why}"


async def test_a_broker_that_is_too_old_is_told_by_the_reader() -> None:
    """Given an old broker, When events are read, Then it says which Kafka is needed."""
    async with peer(KAFKA_0_10) as port:
        with pytest.raises(UnavailableError, match=r"too old: .* Kafka 0.11 or newer is needed"):
            await anext(read_kafka(KafkaOptions(brokers=f"127.0.0.1:{port}"), Selection()))


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
async def test_addresses_that_cannot_be_reached_are_told(
    own_broker: JavaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given brokers that name what is not there, When opened, Then it says what they name."""
    monkeypatch.setattr(_producer, "LOOK_AFTER", 0.5)

    error = await _why_not(KafkaOptions(brokers=f"127.0.0.1:{own_broker.behind}"))

    assert type(error) is TransientError
    assert str(error) == (
        f"127.0.0.1:{own_broker.behind} answers, but no broker that it names "
        f"(advertised.listeners): 127.0.0.1:{own_broker.advertised}: Connection refused"
    )


@pytest.mark.parametrize("own_broker", [{"proxied": True}], indirect=True)
async def test_addresses_that_cannot_be_reached_are_told_by_ping(own_broker: JavaBroker) -> None:
    """Given the same without idempotence, When pinged, Then it says what they name."""
    options = KafkaOptions(brokers=f"127.0.0.1:{own_broker.behind}", enable_idempotence=False)

    async with plugin.open(options, CONTEXT) as backplane:
        assert isinstance(backplane, Pingable)
        with pytest.raises(TransientError, match=r"names \(advertised.listeners\): 127.0.0.1:"):
            await backplane.ping()
