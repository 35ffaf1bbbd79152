"""Asks brokers what any of them can answer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiokafka.client import AIOKafkaClient


async def ask_any(client: AIOKafkaClient, request: object) -> Any:  # noqa: ANN401 - aiokafka has no types
    """Return the answer of a broker; one that is away is not asked twice.

    It has a connection of its own: on that of the events it would wait behind those for which
    replicas are missing.

    Raises:
        aiokafka.errors.NodeNotReadyError: None answers.
    """
    from aiokafka.client import ConnectionGroup
    from aiokafka.errors import KafkaError, NodeNotReadyError

    first = client.get_random_node()
    others = {each.nodeId for each in client.cluster.brokers()} - {first}
    for node in (first, *others):
        with suppress(KafkaError):
            return await client.send(node, request, group=ConnectionGroup.COORDINATION)
    raise NodeNotReadyError("no known broker answers")
