"""Asks the brokers for settings of topics and of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from experimentframework_kafka._asking import ask_any

if TYPE_CHECKING:
    from aiokafka.client import AIOKafkaClient

TOPIC: Final = 2
BROKER: Final = 4
"""The kinds of what has settings, by their numbers in Kafka's protocol."""


async def configs(
    client: AIOKafkaClient, kind: int, name: str, settings: tuple[str, ...]
) -> dict[str, str]:
    """Return settings by name; those that the brokers do not tell us are not there.

    Raises:
        aiokafka.errors.KafkaError: No answer.
    """
    from aiokafka.protocol.admin import DescribeConfigsRequest

    request = DescribeConfigsRequest([(kind, name, list(settings))])
    if kind == BROKER:
        response = await client.send(int(name), request)
    else:
        response = await ask_any(client, request)
    return {
        setting: value
        for code, _, _, _, entries in response.resources
        for setting, value, *_ in entries
        if code == 0 and value is not None
    }
