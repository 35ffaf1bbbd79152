"""Makes the topics that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_kafka._configs import BROKER, configs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.client import AIOKafkaClient

    from experimentframework_kafka._options import KafkaTopicCreation

_EXISTS = 36
_NOT_CONTROLLER = 41
_TIMEOUT_MS = 10_000


async def create_missing(
    topics: Iterable[str], creation: KafkaTopicCreation, client: AIOKafkaClient
) -> None:
    """Make those of the topics that are missing; those that are there are not changed.

    Raises:
        UnavailableError: The brokers refuse to make one.
        TransientError: The brokers do not answer, or not now.
    """
    from aiokafka.errors import KafkaError

    try:
        existing = (await client.fetch_all_metadata()).topics()
        absent = sorted(set(topics) - existing)
        if absent:
            await _create(absent, creation, client)
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(f"cannot make topics: {error!r}") from error


async def _create(topics: list[str], creation: KafkaTopicCreation, client: AIOKafkaClient) -> None:
    from aiokafka.errors import for_code
    from aiokafka.protocol.admin import CreateTopicsRequest

    partitions, copies = await _numbers(creation, client)
    settings: list[tuple[str, str]] = []
    if creation.retention_ms is not None:
        settings.append(("retention.ms", str(creation.retention_ms)))
    placed: list[object] = []  # The brokers decide.
    wanted = [(topic, partitions, copies, placed, settings) for topic in topics]
    request = CreateTopicsRequest(wanted, _TIMEOUT_MS, validate_only=False)
    response = await client.send(_controller(client), request)
    for topic, code, *said in response.topic_errors:
        if code in (0, _EXISTS):
            continue
        error = for_code(code)
        message = f"cannot make topic '{topic}': {error.__name__}"
        message += f": {said[0]}" if said and said[0] else ""
        kind = TransientError if error.retriable or code == _NOT_CONTROLLER else UnavailableError
        raise kind(f"{message}; make it yourself, or see createTopics")


async def _numbers(creation: KafkaTopicCreation, client: AIOKafkaClient) -> tuple[int, int]:
    """Return how many partitions, and how many copies of each; the brokers know what is usual.

    Newer requests let the brokers choose; aiokafka has only those that say it.
    """
    if creation.partitions is not None and creation.replication_factor is not None:
        return creation.partitions, creation.replication_factor
    names = ("num.partitions", "default.replication.factor")
    usual = await configs(client, BROKER, str(_controller(client)), names)
    partitions, copies = (int(usual.get(name, 1)) for name in names)
    return creation.partitions or partitions, creation.replication_factor or copies


def _controller(client: AIOKafkaClient) -> int:
    controller = client.cluster.controller
    node: int = client.get_random_node() if controller is None else controller.nodeId
    return node
