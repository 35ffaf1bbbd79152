"""What a record is as a message of Kafka."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from experimentframework_core.envelope import Record
    from experimentframework_kafka._options import KafkaOptions

Header = tuple[str, bytes]


Message: TypeAlias = tuple[bytes, bytes, int, list[Header]]
"""A message's key, value, time in milliseconds and headers: a bare tuple, for its speed."""

_owner_of: Mapping[str, Callable[[Record], str | None]] = {
    "experimentKey": attrgetter("experiment"),
    "subjectId": attrgetter("subject"),
    "tenantId": attrgetter("tenant"),
    "roundRobin": attrgetter("event_id"),
}


def key_of(record: Record, options: KafkaOptions) -> str:
    """Return the message key: what decides the partition, or the event id where there is none."""
    return _owner_of[options.partition_by](record) or record.event_id


def keys_of(records: Iterable[Record], options: KafkaOptions) -> list[str]:
    """Return the message key of each record."""
    owner_of = _owner_of[options.partition_by]
    return [owner_of(record) or record.event_id for record in records]


def writer_of_messages(options: KafkaOptions) -> Callable[[Record], Message]:
    """Return a function that makes messages; what events of one type share is made once."""
    shared: dict[tuple[str, str], tuple[Header, Header]] = {}
    owner_of = _owner_of[options.partition_by]

    def message_of(record: Record) -> Message:
        event_id, milliseconds = record.id_and_milliseconds()
        kind = record.event_type, record.schema_version
        common = shared.get(kind)
        if common is None:
            common = shared[kind] = _common(*kind, options)
        headers = [("event-id", event_id), common[0], common[1]]
        if record.correlation_id is not None:
            headers.append(("correlation-id", record.correlation_id.encode()))
        if record.traceparent is not None:
            headers.append(("traceparent", record.traceparent.encode()))
        owner = owner_of(record)
        return owner.encode() if owner else event_id, record.body, milliseconds, headers

    return message_of


def _common(event_type: str, schema_version: str, options: KafkaOptions) -> tuple[Header, Header]:
    spelt = event_type
    if options.event_type_case == "pascal":
        spelt = event_type[:1].upper() + event_type[1:]
    return ("event-type", spelt.encode()), ("schema-version", schema_version.encode())
