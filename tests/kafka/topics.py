"""Makes topics for tests, changes and deletes them."""

from __future__ import annotations

import os
import time
from itertools import count
from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0
_numbers = count(1)


def create_topic(
    brokers: str,
    partitions: int = 1,
    *,
    name: str | None = None,
    replicas: int = 1,
    **config: str,
) -> str:
    """Make a topic, one that nobody else uses where it has no name; return its name.

    ``_`` of a setting means ``.``. It keeps events of any time: brokers would remove those of the
    tests that are months old, while these look at them.
    """
    made = name or f"test-{os.getpid()}-{next(_numbers)}"
    said = {key.replace("_", "."): value for key, value in config.items()}
    settings = {"retention.ms": "-1"} | said
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    topic = NewTopic(made, num_partitions=partitions, replication_factor=replicas, config=settings)
    for done in client.create_topics([topic]).values():
        done.result(timeout=30)
    _wait_until(lambda: _has_leaders(client, made, partitions), f"{made} does not come")
    return made


def _has_leaders(client: AdminClient, topic: str, partitions: int) -> bool:
    found = client.list_topics(timeout=PATIENCE).topics.get(topic)
    if found is None:
        return False
    return [each.leader >= 0 for each in found.partitions.values()] == [True] * partitions


def _wait_until(true: Callable[[], bool], otherwise: str) -> None:
    """Return when a broker knows what the controller has promised: that takes it a moment."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)


def delete_topic(brokers: str, topic: str) -> None:
    """Delete a topic, and return when it is gone."""
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    for done in client.delete_topics([topic]).values():
        done.result(timeout=PATIENCE)
    _wait_until(
        lambda: topic not in client.list_topics(timeout=PATIENCE).topics, f"{topic} does not go"
    )


def add_partitions(brokers: str, topic: str, number: int) -> None:
    """Have a topic have so many partitions."""
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    for done in client.create_partitions([NewPartitions(topic, number)]).values():
        done.result(timeout=PATIENCE)
    _wait_until(lambda: _has_leaders(client, topic, number), f"{topic} does not grow")


def drop_before(brokers: str, topic: str, offset: int) -> None:
    """Have the first partition of a topic begin at an offset, as retention does."""
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    for done in client.delete_records([TopicPartition(topic, 0, offset)]).values():
        done.result(timeout=PATIENCE)


def allow(brokers: str, user: str, topic: str, operation: str) -> None:
    """Give a user a right on a topic."""
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    right = AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        user,
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )
    for done in client.create_acls([right]).values():
        done.result(timeout=PATIENCE)
    wanted = AclBindingFilter(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        user,
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )
    _wait_until(lambda: bool(client.describe_acls(wanted).result(PATIENCE)), "no right comes")


def change_password(brokers: str, user: str, password: str) -> None:
    """Have a user sign in by SCRAM-SHA-512 with another password."""
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(user, scram, password.encode())
    for done in client.alter_user_scram_credentials([change]).values():
        done.result(timeout=PATIENCE)
