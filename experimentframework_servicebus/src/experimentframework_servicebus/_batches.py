"""Which records go together, and how many fit. Pure: nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_servicebus._entities import entity_of
from experimentframework_servicebus._message import session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from azure.servicebus import ServiceBusMessageBatch
    from azure.servicebus.amqp import AmqpAnnotatedMessage

    from experimentframework_core.envelope import Record
    from experimentframework_servicebus._options import ServiceBusOptions


class Group(NamedTuple):
    """Records that may be in one batch: the service takes none with two sessions.

    Attributes:
        entity: The queue or topic.
        session: The id of their session; None without sessions.
        indexes: The records, by their indexes in the call, in order.
    """

    entity: str
    session: str | None
    indexes: list[int]


def groups_of(
    batch: Sequence[Record], indexes: Iterable[int], options: ServiceBusOptions
) -> dict[str, list[Group]]:
    """Return the groups of each queue or topic, in the order of their first records."""
    groups: dict[tuple[str, str | None], Group] = {}
    for index in indexes:
        record = batch[index]
        place = entity_of(record.event_type, options), session_of(record, options)
        group = groups.get(place)
        if group is None:
            group = groups[place] = Group(*place, [])
        group.indexes.append(index)
    by_entity: dict[str, list[Group]] = {}
    for group in groups.values():
        by_entity.setdefault(group.entity, []).append(group)
    return by_entity


def fill(batch: ServiceBusMessageBatch, messages: Sequence[AmqpAnnotatedMessage]) -> int:
    """Put messages into a batch until it is full; return how many are in it.

    It may be none: what is larger than a batch may be sent alone.
    """
    from azure.servicebus.exceptions import MessageSizeExceededError

    for number, message in enumerate(messages):
        try:
            batch.add_message(message)
        except MessageSizeExceededError:
            return number
    return len(messages)
