"""A data plane with Kafka behind it, while processes die."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from experimentframework_core import DataPlane
from experimentframework_core.codec import decode, decode_record
from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    DataPlaneOptions,
    RetryOptions,
)
from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_kafka import KafkaOptions
from tests.kafka import _client_child as child
from tests.kafka._consumer import consume
from tests.kafka._tally import LONG, Tally, tally, tell
from tests.kafka.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.peers.kafka_java import JavaBroker

BATCH = 500


async def test_four_lanes_keep_the_order_of_keys_while_the_broker_is_killed(
    own_broker: JavaBroker,
) -> None:
    """Given four lanes and kills, When all is over, Then all is there, once, in order by key."""
    topic = create_topic(own_broker.brokers, 6)
    options = KafkaOptions(
        brokers=own_broker.brokers, topic=topic, partition_by="subjectId", concurrency=4
    )
    records = [
        make_record(make_exposure(subject_id=f"u-{at % 40}", variant_key=f"v-{at}"))
        for at in range(80_000 if LONG else 8_000)
    ]
    plane_options = DataPlaneOptions(
        backplane=BackplaneOptions(type="kafka", options=options),
        retry=RetryOptions(initial_delay_ms=10, max_delay_ms=100),
        breaker=BreakerOptions(open_ms=100, max_open_ms=200),
    )

    async with DataPlane(plane_options) as plane:
        for at in range(0, len(records), len(records) // 4):
            for record in records[at : at + len(records) // 4]:
                await plane.publish(decode(record.body))
            await asyncio.sleep(0.2)
            own_broker.kill()
            await asyncio.to_thread(own_broker.start)
        flushed = await plane.flush(timeout=60)

    assert flushed.remaining == 0
    found = tally(own_broker.brokers, topic, records, "4 lanes, 4 kills")
    assert found == Tally(len(records))


async def test_a_missing_topic_does_not_hold_up_the_same_key_in_others(
    brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given outcomes have no topic, When exposures of the same key come, Then they arrive."""
    topic = make_topic(1)
    topics = {"exposure": topic, "outcome": f"{topic}-missing"}
    options = KafkaOptions(brokers=brokers, topics=topics, partition_by="subjectId")
    plane_options = DataPlaneOptions(
        backplane=BackplaneOptions(type="kafka", options=options), shutdown_timeout_ms=500
    )
    exposures = [make_exposure(subject_id="u-1", variant_key=f"v-{at}") for at in range(5)]

    async with DataPlane(plane_options) as plane, asyncio.timeout(20):
        await plane.publish(make_outcome(subject_id="u-1"))
        while True:
            if plane.statistics().backplanes["kafka"].retried:
                break
            await asyncio.sleep(0.05)
        for each in exposures:
            await plane.publish(each, ack="delivered")
        health = (await plane.health()).diagnostics["kafka"]

    assert f"topic '{topic}-missing' does not exist" in health.description
    found = [decode(seen.value).payload.variant_key for seen in consume(brokers, topic)]
    assert found == [each.variant_key for each in exposures]


def _publish_until_killed(command: list[str]) -> set[str]:
    """Kill a publisher in its stream; return the ids of what was durable."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        durable = {next(lines).strip() for _ in range(1_000)}
        process.kill()
        return durable | {line.strip() for line in lines if line.endswith("\n")}


async def test_a_client_that_is_killed_loses_nothing_that_was_durable(
    brokers: str, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    """Given a publisher is killed with -9, When another goes on, Then all is there in the end."""
    topic, folder = make_topic(3), str(tmp_path / "spool")
    command = [sys.executable, "-m", child.__name__, brokers, topic, folder]
    kills, durable = 5 if LONG else 2, set[str]()

    for _ in range(kills):
        durable |= await asyncio.to_thread(_publish_until_killed, command)
    async with DataPlane(child.plane_options(brokers, topic, folder)) as plane:
        flushed = await plane.flush(timeout=60)

    copies = Counter(decode_record(seen.value).event_id for seen in consume(brokers, topic))
    found = Tally(len(durable), len(durable - set(copies)), copies.total() - len(copies))
    tell(f"{kills} kills of the client, durable events from a disk buffer", found)
    assert flushed.remaining == found.lost == 0
    assert found.twice <= kills * BATCH
