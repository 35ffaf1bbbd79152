"""Which entities there are, as a test defines them."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Correlation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A filter of a subscription: what it says must be equal; what is None may be anything."""

    message_id: str | None = None
    correlation_id: str | None = None
    subject: str | None = None
    session_id: str | None = None
    content_type: str | None = None
    to: str | None = None
    reply_to: str | None = None
    properties: dict[str, str | int | float | bool] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a queue or a subscription behaves.

    Attributes:
        sessions: Whether it requires sessions.
        lock_seconds: How long a receiver has a message or a session.
        max_deliveries: After how many a message is a dead letter.
        ttl_seconds: How long a message lives at most.
        dead_letter_expired: Whether one that lived too long is a dead letter, instead of nothing.
        duplicate_seconds: How long a message id is remembered; 0 is not at all.
        partitioned: Whether it has partitions; with duplicate detection it takes no batches then.
        largest: The largest message, and the largest batch, in bytes.
        capacity: How many messages it holds; 0 is any number.
    """

    sessions: bool = False
    lock_seconds: float = 30.0
    max_deliveries: int = 10
    ttl_seconds: float | None = None
    dead_letter_expired: bool = False
    duplicate_seconds: float = 0.0
    partitioned: bool = False
    largest: int = 256 * 1024
    capacity: int = 0


class QueueDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="queue"):
    """A queue."""

    name: str
    settings: Settings = Settings()


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One subscription of a topic; without filters it gets everything, else what fits one."""

    name: str
    settings: Settings = Settings()
    filters: list[Correlation] = []


class TopicDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="topic"):
    """A topic; of its settings, size, capacity and duplicate detection count."""

    name: str
    subscriptions: list[Subscription]
    settings: Settings = Settings()


Definition: TypeAlias = QueueDefinition | TopicDefinition
