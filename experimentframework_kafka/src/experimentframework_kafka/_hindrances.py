"""What keeps the brokers from writing to topics that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_kafka._configs import TOPIC, configs
from experimentframework_kafka._metadata import metadata_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.client import AIOKafkaClient
    from aiokafka.cluster import ClusterMetadata
    from aiokafka.structs import PartitionMetadata

    from experimentframework_kafka._options import KafkaOptions

_NEEDED = "min.insync.replicas"


async def hindrance(
    topics: Iterable[str], client: AIOKafkaClient, options: KafkaOptions
) -> str | None:
    """Return which partitions cannot be written to, and why; None where all can.

    Args:
        topics: The topics to look at.
        client: Whom to ask.
        options: They say who has to acknowledge.

    Raises:
        aiokafka.errors.KafkaError: No broker answers.
    """
    wanted = sorted(topics)
    cluster = await metadata_of(wanted, client)
    partitions = [each for topic in wanted for each in _partitions(topic, cluster)]
    if headless := [_name(each) for each in partitions if each.leader in (None, -1)]:
        return f"partitions without a leader: {', '.join(headless)}"
    if options.acks == "all" and (few := await _too_few(partitions, client)):
        return f"partitions with fewer replicas in sync than acks: all needs: {', '.join(few)}"
    return None


async def _too_few(partitions: list[PartitionMetadata], client: AIOKafkaClient) -> list[str]:
    """Return the partitions that lack replicas; only those that miss one are asked about."""
    missing = [each for each in partitions if len(each.isr) < len(each.replicas)]
    needed: dict[str, int] = {}
    for topic in {each.topic for each in missing}:
        found = await configs(client, TOPIC, topic, (_NEEDED,))
        needed[topic] = int(found.get(_NEEDED, 1))
    return [
        f"{_name(each)} ({len(each.isr)} of {needed[each.topic]}, {_NEEDED})"
        for each in missing
        if len(each.isr) < min(needed[each.topic], len(each.replicas))
    ]


def _partitions(topic: str, cluster: ClusterMetadata) -> list[PartitionMetadata]:
    known = cluster._partitions.get(topic, {})  # noqa: SLF001 - nothing public tells the replicas
    return [known[number] for number in sorted(known)]


def _name(partition: PartitionMetadata) -> str:
    return f"{partition.topic}/{partition.partition}"
