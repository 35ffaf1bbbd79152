"""What a data plane and `doctor` tell of Kafka, and that events wait and arrive."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane, HealthStatus
from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    DataPlaneOptions,
    RetryOptions,
)
from experimentframework_core.deadletter import SqliteDeadLetterStore
from experimentframework_core.testing import make_exposure
from experimentframework_kafka import KafkaOptions, KafkaSecurity
from tests.kafka._consumer import consume
from tests.kafka._mock_cluster import NOBODY, MockCluster, library
from tests.kafka._peer import KAFKA_0_10, peer
from tests.kafka.topics import create_topic, delete_topic
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core import Health
    from tests.peers.kafka_java import JavaBroker

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERIMENTFRAMEWORK_STATE", str(tmp_path))


def _plane(options: KafkaOptions, **said: object) -> DataPlane:
    return DataPlane(
        DataPlaneOptions(
            backplane=BackplaneOptions(type="kafka", options=options),
            retry=RetryOptions(initial_delay_ms=10, max_delay_ms=100),
            breaker=BreakerOptions(open_ms=100, max_open_ms=200),
            shutdown_timeout_ms=500,
            **said,  # type: ignore[arg-type]
        )
    )


async def _channel_once(plane: DataPlane, expected: Callable[[Health], bool]) -> Health:
    """Return the health of the plane's channel as soon as it is what a test waits for."""
    async with asyncio.timeout(PATIENCE):
        while True:
            health: Health = (await plane.health()).diagnostics["kafka"]
            if expected(health):
                return health
            await asyncio.sleep(0.05)


async def _unhealthy(plane: DataPlane) -> Health:
    return await _channel_once(plane, lambda health: health.status is HealthStatus.UNHEALTHY)


async def test_without_a_broker_a_plane_opens_and_keeps_events(own_broker: JavaBroker) -> None:
    """Given no broker at the start, When one comes, Then what was published meanwhile arrives."""
    topic = create_topic(own_broker.brokers, 1)
    own_broker.kill()
    async with _plane(KafkaOptions(brokers=own_broker.brokers, topic=topic)) as plane:
        for _ in range(10):
            await plane.publish(make_exposure())
        down = await _unhealthy(plane)
        kept = plane.statistics().backplanes["kafka"].buffered

        await asyncio.to_thread(own_broker.start)
        flushed = await plane.flush(timeout=PATIENCE)
        well = (await plane.health()).diagnostics["kafka"]

    why = f"no broker answers: {own_broker.brokers}: Connection refused"
    assert down.description == f"the destination is down: TransientError: {why}"
    assert down.diagnostics["last_error"] == f"TransientError: {why}"
    assert down.diagnostics["seconds_since_delivery"] is None
    assert (kept, flushed.delivered, len(consume(own_broker.brokers, topic))) == (10, 10, 10)
    assert (well.status, well.diagnostics["last_error"]) == (HealthStatus.HEALTHY, None)
    assert well.diagnostics["seconds_since_delivery"] < PATIENCE


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_missing_topic_is_told_and_waited_for(
    deleted: bool,  # noqa: FBT001
    brokers: str,
    make_topic: Callable[..., str],
) -> None:
    """Given a topic that is not there, or no more, When it is made, Then all events arrive."""
    topic = make_topic() if deleted else f"{make_topic()}-later"
    async with _plane(KafkaOptions(brokers=brokers, topic=topic)) as plane:
        if deleted:
            await plane.publish(make_exposure(), ack="delivered")
            await asyncio.to_thread(delete_topic, brokers, topic)
        await plane.publish(make_exposure())
        told = await _unhealthy(plane)

        make_topic(name=topic)
        flushed = await plane.flush(timeout=PATIENCE)

    assert told.description.startswith("the destination refuses us: ")
    assert f"topic '{topic}'" in told.description
    assert flushed.remaining == 0
    assert len(consume(brokers, topic)) == 1


async def test_an_event_larger_than_the_topic_takes_is_kept_as_a_dead_letter(
    brokers: str, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    """Given one event too large, When three are published, Then it is put aside, two arrive."""
    topic = make_topic(1, max_message_bytes="10000")
    noise = os.urandom(20_000).hex()
    async with _plane(KafkaOptions(brokers=brokers, topic=topic)) as plane:
        for event in (
            make_exposure(),
            make_exposure(attributes={"noise": noise}),
            make_exposure(),
        ):
            await plane.publish(event)
        await plane.flush(timeout=PATIENCE)
        health = (await plane.health()).diagnostics["kafka"]

    async with SqliteDeadLetterStore(tmp_path / "deadletters.db") as store:
        (letter,) = [each async for each in store.select()]
    assert health.status is HealthStatus.HEALTHY
    assert len(consume(brokers, topic)) == 2
    assert letter.letter.reason == "refused"
    assert "the topic takes 10,000 (max.message.bytes)" in letter.letter.error


async def test_a_broker_that_is_too_old_is_told() -> None:
    """Given Kafka 0.10, When a plane opens, Then health says what is needed."""
    async with peer(KAFKA_0_10) as port, _plane(KafkaOptions(brokers=f"127.0.0.1:{port}")) as plane:
        health = await _unhealthy(plane)

    assert health.description == (
        f"the destination refuses us: cannot use 127.0.0.1:{port}: it is too old: it takes Produce "
        "requests up to version 2; Kafka 0.11 or newer is needed"
    )


async def test_an_unreadable_certificate_is_told(tmp_path: Path) -> None:
    """Given a certificate that is not there, When a plane opens, Then health names the option."""
    security = KafkaSecurity(protocol="SSL", cafile=str(tmp_path / "missing.pem"))
    async with _plane(KafkaOptions(brokers="127.0.0.1:1", security=security)) as plane:
        health = await _unhealthy(plane)

    assert health.description == (
        f"the destination refuses us: cannot read security.cafile '{tmp_path / 'missing.pem'}': "
        "No such file or directory"
    )


@pytest.mark.skipif(library() is None, reason="confluent-kafka is no wheel for Linux")
async def test_a_partition_without_a_leader_is_told() -> None:
    """Given a partition loses its leader, When events do not arrive, Then health names it."""
    with MockCluster() as cluster:
        cluster.create_topic("events", 1)
        options = KafkaOptions(brokers=cluster.brokers, topic="events")
        async with _plane(options, delivery_timeout_ms=1000) as plane:
            await plane.publish(make_exposure(), ack="delivered")
            cluster.lead("events", 0, NOBODY)
            await plane.publish(make_exposure())
            health = await _channel_once(plane, lambda each: each.diagnostics["last_error"])

    assert health.diagnostics["last_error"].endswith("partitions without a leader: events/0")
    assert health.diagnostics["seconds_since_delivery"] > 0


def _doctor(folder: Path, options: dict[str, object]) -> tuple[int, str, str]:
    file = folder / "experiments.yaml"
    file.write_text(json.dumps({"dataPlane": {"backplane": {"type": "kafka", "options": options}}}))
    command = Path(sysconfig.get_path("scripts")) / "experimentframework"
    done = subprocess.run(
        [command, "doctor", "--config", str(file), "--json"],
        env={"PATH": os.environ["PATH"], "EXPERIMENTFRAMEWORK_STATE": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    (found,) = [
        each["found"]
        for each in json.loads(done.stdout)["checks"]
        if each["name"] == "backplane kafka"
    ]
    return done.returncode, found, done.stderr


def test_doctor_tells_of_a_dead_broker_and_nothing_else(tmp_path: Path) -> None:
    """Given nobody listens, When doctor looks, Then its table says so, and nothing is logged."""
    broker = f"127.0.0.1:{free_port()}"

    found = _doctor(tmp_path, {"brokers": broker})

    assert found == (1, f"kafka: no broker answers: {broker}: Connection refused", "")


def test_doctor_tells_of_a_missing_topic_and_nothing_else(brokers: str, tmp_path: Path) -> None:
    """Given a topic that is not there, When doctor looks, Then it names it, nothing is logged."""
    code, found, logged = _doctor(tmp_path, {"brokers": brokers, "topic": "not-there"})

    assert (code, logged) == (1, "")
    assert found.startswith("kafka: topic 'not-there' does not exist")


@pytest.mark.skipif(library() is None, reason="confluent-kafka is no wheel for Linux")
def test_doctor_tells_of_a_partition_without_a_leader(tmp_path: Path) -> None:
    """Given a partition without a leader, When doctor looks, Then it names it."""
    with MockCluster() as cluster:
        cluster.create_topic("events", 3)
        cluster.lead("events", 1, NOBODY)

        found = _doctor(tmp_path, {"brokers": cluster.brokers, "topic": "events"})

    assert found == (1, "kafka: partitions without a leader: events/1", "")


def test_doctor_finds_a_cluster_well(
    brokers: str, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    """Given the cluster and the topic are there, When doctor looks, Then both are well."""
    found = _doctor(tmp_path, {"brokers": brokers, "topic": make_topic()})

    assert found == (0, "kafka: opens and answers", "")


@pytest.mark.parametrize(
    "own_broker", [{"settings": {"auto.create.topics.enable": "true"}}], indirect=True
)
def test_doctor_finds_brokers_well_that_make_topics_by_themselves(
    own_broker: JavaBroker, tmp_path: Path
) -> None:
    """Given such brokers and a new topic, When doctor looks, Then all is well."""
    found = _doctor(tmp_path, {"brokers": own_broker.brokers, "topic": "made-by-itself"})

    assert found == (0, "kafka: opens and answers", "")
