"""Turns a row of the table into the event that was published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import event_type_named

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_REQUIRED = ("EventId", "Timestamp", "EventType", "SchemaVersion", "PayloadJson")
_OPTIONAL = ("CorrelationId", "MetadataJson", "TraceParent", "ExtraJson")

_encoder = msgspec.json.Encoder()


class Row(NamedTuple):
    """What a row says of an event, as the columns have it."""

    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: str
    correlation_id: str | None = None
    metadata: str | None = None
    traceparent: str | None = None
    extra: str | None = None


class _Body(msgspec.Struct, rename="camel", omit_defaults=True):
    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: msgspec.Raw
    correlation_id: str | None = None
    metadata: msgspec.Raw | None = None
    traceparent: str | None = None


def columns_of(table: str, columns: Collection[str]) -> str:
    """Return what to select for a `Row` from a table that has these columns, folded.

    Those that the .NET ExperimentFramework's table lacks are NULL.
    """
    present = [f"{table}.{name}" for name in _REQUIRED]
    present += [f"{table}.{name}" if name.casefold() in columns else "NULL" for name in _OPTIONAL]
    return ", ".join(present)


def row_of(values: Sequence[object]) -> Row:
    """Return the row whose columns, as `columns_of` has them, have these values."""
    return msgspec.convert(values, Row)


def body_of(row: Row, *, pascal: bool) -> bytes:
    """Return the event as JSON, canonical where the columns are.

    Args:
        row: The row.
        pascal: Whether event types of our own writing begin with a capital.

    Raises:
        InvalidEventError: The columns are not whole JSON, where that is looked at.
    """
    body = _encoder.encode(
        _Body(
            event_id=row.event_id,
            timestamp=row.timestamp.astimezone(UTC),
            event_type=_event_type(row.event_type, pascal=pascal),
            schema_version=row.schema_version,
            payload=msgspec.Raw(row.payload),
            correlation_id=row.correlation_id,
            metadata=None if row.metadata is None else msgspec.Raw(row.metadata),
            traceparent=row.traceparent,
        )
    )
    if row.extra is None:
        return body
    try:
        both = [msgspec.json.decode(each, type=dict[str, object]) for each in (body, row.extra)]
    except msgspec.MsgspecError as error:
        raise InvalidEventError(f"not JSON: {error}") from error
    return _encoder.encode(both[0] | both[1])


def stored_in(row: Row) -> bytes:
    """Return what a row says as a JSON object, each column as it is stored: also a broken one."""
    return _encoder.encode(row._asdict())


def _event_type(written: str, *, pascal: bool) -> str:
    name = written[:1].lower() + written[1:]
    return name if pascal or event_type_named(name) else written
