"""Finds topics and their partitions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_kafka._asking import ask_any
from experimentframework_kafka._errors import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.client import AIOKafkaClient
    from aiokafka.cluster import ClusterMetadata

PATIENCE = 1.5
"""Seconds that brokers have to make a topic which they make by themselves, while others wait."""

MOMENT = 1.0
"""Seconds after which a topic is there that brokers make by themselves, usually."""

_PAUSE = 0.1
_NOT_AUTHORIZED = 29


class Topics:
    """The topics that are written to, as the brokers know them."""

    def __init__(self, *, created: bool = False) -> None:
        """Begin with no topic known; ``created`` as for `missing`."""
        self.used: set[str] = set()
        self._created = created
        self._missing: set[str] = set()

    async def number_of_partitions(self, topic: str, client: AIOKafkaClient) -> int:
        """Return it; the brokers are asked where it is not known.

        Raises:
            UnavailableError: The topic does not exist, or is not ours to write to.
            TransientError: No broker answers.
        """
        client.add_topic(topic)  # Else it is forgotten as soon as another is asked for.
        found = client.cluster.partitions_for_topic(topic) or await self._look_for(topic, client)
        self.used.add(topic)
        return len(found)

    async def _look_for(self, topic: str, client: AIOKafkaClient) -> set[int]:
        loop = asyncio.get_running_loop()
        # Who waited once for a topic need not do so each time.
        until = loop.time() + (0 if topic in self._missing else PATIENCE)
        while True:
            if not await client.force_metadata_update():
                raise TransientError(f"cannot look for topic '{topic}': no known broker answers")
            if found := client.cluster.partitions_for_topic(topic):
                self._missing.discard(topic)
                return set(found)
            if topic in client.cluster.unauthorized_topics:
                raise UnavailableError(
                    f"cannot deliver to topic '{topic}': {CONFIGURATION[_NOT_AUTHORIZED]}"
                )
            if loop.time() >= until:
                self._missing.add(topic)
                raise UnavailableError(missing([topic], created=self._created))
            await asyncio.sleep(_PAUSE)


def missing(topics: Iterable[str], *, created: bool = False) -> str:
    """Return what to say of topics that do not exist.

    Args:
        topics: Their names.
        created: Whether ``createTopics`` makes what is missing.
    """
    named = ", ".join(f"'{topic}'" for topic in sorted(topics))
    if created:
        return (
            f"topic {named} does not exist; createTopics makes it when the backplane opens, as the "
            "next start of the application does, or doctor"
        )
    return (
        f"topic {named} does not exist, and the brokers do not make it; make it, or say "
        "createTopics: {enabled: true}"
    )


async def metadata_of(
    topics: Iterable[str], client: AIOKafkaClient, *, make: bool = False
) -> ClusterMetadata:
    """Return what the brokers know of topics now.

    Args:
        topics: The topics.
        client: Whom to ask.
        make: Have brokers make what is missing, if they do so by themselves.

    Raises:
        aiokafka.errors.KafkaError: No answer.
    """
    from aiokafka.cluster import ClusterMetadata
    from aiokafka.protocol.metadata import MetadataRequest

    request = MetadataRequest(sorted(topics), allow_auto_topic_creation=make)
    cluster = ClusterMetadata()
    cluster.update_metadata(await ask_any(client, request))
    return cluster


async def check_topics(
    topics: Iterable[str], client: AIOKafkaClient, *, created: bool = False
) -> None:
    """Return if the cluster answers, and the topics are there and ours to write to.

    As with a first event, brokers that make topics by themselves make them now. ``created`` as for
    `missing`.

    Raises:
        UnavailableError: A topic is missing or not ours.
        aiokafka.errors.KafkaError: No broker answers.
    """
    wanted = sorted(topics)
    cluster = await metadata_of(wanted, client, make=True)
    if not cluster.topics().issuperset(wanted):
        await asyncio.sleep(MOMENT)
        cluster = await metadata_of(wanted, client)
    if forbidden := cluster.unauthorized_topics & set(wanted):
        named = ", ".join(f"'{topic}'" for topic in sorted(forbidden))
        raise UnavailableError(f"cannot use topic {named}: {CONFIGURATION[_NOT_AUTHORIZED]}")
    if absent := [topic for topic in wanted if not cluster.partitions_for_topic(topic)]:
        raise UnavailableError(missing(absent, created=created))
