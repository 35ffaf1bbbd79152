"""Which records go together, and how many fit. Nothing is sent here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from experimentframework_servicebus._namespace.entities import entity_of
from experimentframework_servicebus._sending.encoding import encoded
from experimentframework_servicebus._sending.message import session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from azure.servicebus import ServiceBusMessageBatch

    from experimentframework_core.envelope import Record
    from experimentframework_servicebus._options import ServiceBusOptions
    from experimentframework_servicebus._sending.message import Message

_ENCODED_AT_ONCE: Final = 500
_ADDED_AT_ONCE: Final = 25
"""Messages after which the loop turns: two milliseconds, by us and by the client."""

_SMALL: Final = 256
_SMALL_OVERHEAD: Final = 5
_OVERHEAD: Final = 8
"""Bytes that a message costs in a batch beside its own: the constructor and the length."""

_DATA: Final = 5
"""Where a batch of the client has the sections with its messages."""


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


async def fill(batch: ServiceBusMessageBatch, messages: Sequence[Message]) -> int:
    """Put messages into a batch until it is full; return how many are in it.

    It may be none: what is larger than a batch may be sent alone.

    The client encodes the first one. As long as its bytes are the same as ours, those of the others
    are ours too; with any other client, or one that adds something, it encodes them all.
    """
    if not _added(batch, messages[0]):
        return 0
    parts = _parts(batch)
    if not parts or parts[-1] != encoded(messages[0]):
        return await _fill_by_client(batch, messages)
    room = batch.max_size_in_bytes - batch.size_in_bytes
    for number in range(1, len(messages)):
        if number % _ENCODED_AT_ONCE == 0:
            await asyncio.sleep(0)
        part = encoded(messages[number])
        room -= len(part) + (_SMALL_OVERHEAD if len(part) < _SMALL else _OVERHEAD)
        if room < 0:
            return number
        parts.append(part)
    return len(messages)


async def _fill_by_client(batch: ServiceBusMessageBatch, messages: Sequence[Message]) -> int:
    for number in range(1, len(messages)):
        if number % _ADDED_AT_ONCE == 0:
            await asyncio.sleep(0)
        if not _added(batch, messages[number]):
            return number
    return len(messages)


def _added(batch: ServiceBusMessageBatch, message: Message) -> bool:
    from azure.servicebus.exceptions import MessageSizeExceededError

    try:
        batch.add_message(message.annotated())
    except MessageSizeExceededError:
        return False
    return True


def _parts(batch: ServiceBusMessageBatch) -> list[bytes | bytearray] | None:
    """Return the encoded messages of a batch; None where this client keeps them elsewhere."""
    sections = getattr(batch, "_message", None)
    parts = sections[_DATA] if isinstance(sections, list) and len(sections) > _DATA else None
    return parts if isinstance(parts, list) else None
