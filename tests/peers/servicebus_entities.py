"""The entities that the tests need which run on any broker: a namespace, the emulator, the peer.

In a namespace that is given they must be there already, as they are here.
"""

from __future__ import annotations

from typing import Final

from tests.peers.amqp.definitions import (
    Correlation,
    Definition,
    QueueDefinition,
    Settings,
    Subscription,
    TopicDefinition,
)

QUEUE: Final = "conformance"
SESSIONS: Final = "conformance-sessions"
ONCE: Final = "conformance-once"
TOPIC: Final = "conformance-topic"
ALL: Final = "all"
EXPOSURES: Final = "exposures"

entities: Final[tuple[Definition, ...]] = (
    QueueDefinition(name=QUEUE),
    QueueDefinition(name=SESSIONS, settings=Settings(sessions=True)),
    QueueDefinition(name=ONCE, settings=Settings(duplicate_seconds=300)),
    TopicDefinition(
        name=TOPIC,
        subscriptions=[
            Subscription(name=ALL),
            Subscription(name=EXPOSURES, filters=[Correlation(subject="exposure")]),
        ],
    ),
)
