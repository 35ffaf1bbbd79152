"""What a record is as a message of Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.destinations import owner_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.envelope import Record
    from experimentframework_kafka._options import KafkaOptions

Header = tuple[str, bytes]


class Message(NamedTuple):
    """A message, without its topic and partition."""

    key: bytes
    value: bytes
    timestamp_ms: int
    headers: list[Header]


def key_of(record: Record, options: KafkaOptions) -> str:
    """Return the message key: what decides the partition, or the event id where there is none."""
    if options.partition_by == "roundRobin":
        return record.event_id
    return owner_of(record, options.partition_by)


def writer_of_messages(options: KafkaOptions) -> Callable[[Record], Message]:
    """Return a function that makes messages; what events of one type share is made once."""
    shared: dict[tuple[str, str], list[Header]] = {}

    def message_of(record: Record) -> Message:
        kind = record.event_type, record.schema_version
        common = shared.get(kind)
        if common is None:
            common = shared[kind] = _common(*kind, options)
        headers = [("event-id", record.event_id.encode()), *common]
        if record.correlation_id is not None:
            headers.append(("correlation-id", record.correlation_id.encode()))
        if record.traceparent is not None:
            headers.append(("traceparent", record.traceparent.encode()))
        milliseconds = record.timestamp_ns // 1_000_000
        return Message(key_of(record, options).encode(), record.body, milliseconds, headers)

    return message_of


def _common(event_type: str, schema_version: str, options: KafkaOptions) -> list[Header]:
    spelt = event_type
    if options.event_type_case == "pascal":
        spelt = event_type[:1].upper() + event_type[1:]
    return [("event-type", spelt.encode()), ("schema-version", schema_version.encode())]
