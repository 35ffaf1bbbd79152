"""An event in its envelope, and the encoded form in which it waits and travels."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = datetime.resolution
_MILLISECOND = 1000 * _MICROSECOND


class Envelope(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One event with what identifies it. Fields are on the wire in this order, in camelCase.

    Attributes:
        event_id: A UUIDv7 as text, made once; the same through every retry and replay.
        timestamp: When it happened, in UTC with microseconds.
        event_type: The registered name of the payload's type, as in ``exposure``.
        schema_version: The semantic version of the payload's schema.
        payload: The typed payload; what cannot be decoded (an unknown type or major version)
            is the plain JSON value.
        correlation_id: Ties events of one request or job together; at most 256 characters.
        metadata: Facts about the event that are not part of its schema.
        traceparent: The W3C trace context in which the event was published.
        extra: Fields that a newer version wrote and this one does not know, under their wire
            names, those of the payload under ``payload``. They are written back when the event
            is encoded again; None when there are none.
    """

    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: Any
    correlation_id: str | None = None
    metadata: dict[str, Any] | None = None
    traceparent: str | None = None
    extra: dict[str, Any] | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """An encoded event with what routing needs: what buffers hold and backplanes deliver.

    ``body`` is the canonical encoding of the `Envelope` and starts with the event id and the
    timestamp, so these two are read from it instead of being held twice: a queue of a million
    records is 140 MB smaller for it.

    Attributes:
        body: The event's canonical JSON, the same bytes at every destination.
        event_type: The registered name of its type.
        schema_version: The version of its payload's schema.
        experiment: Its experiment, or None where the type has none.
        variant: Its variant, or None.
        subject: Its subject after redaction, or None.
        tenant: Its tenant after redaction, or None.
        correlation_id: As in the envelope.
        traceparent: As in the envelope.
    """

    body: bytes
    event_type: str
    schema_version: str
    experiment: str | None = None
    variant: str | None = None
    subject: str | None = None
    tenant: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None

    @property
    def event_id(self) -> str:
        """The event's id, as in the envelope."""
        return self.body[12 : self.body.index(b'"', 12)].decode()

    @property
    def timestamp(self) -> datetime:
        """When the event happened, in UTC."""
        return datetime.fromisoformat(self.body.split(b'"', 8)[7].decode())

    @property
    def timestamp_ns(self) -> int:
        """When the event happened, in nanoseconds since 1970-01-01 UTC."""
        return (self.timestamp - _EPOCH) // _MICROSECOND * 1000

    def id_and_milliseconds(self) -> tuple[bytes, int]:
        """Return the id as it stands in the body, and the time in whole milliseconds since 1970.

        That is what many destinations want of each record; here both cost a half.
        """
        body = self.body
        end = body.index(b'"', 12)
        start = end + 15
        return body[12:end], _milliseconds(body[start : start + 23])


@lru_cache(maxsize=1024)
def _milliseconds(text: bytes) -> int:
    """Return a time, of which the text has the milliseconds, or the end of a whole second."""
    time = datetime.fromisoformat(text.partition(b"Z")[0].decode() + "Z")
    return (time - _EPOCH) // _MILLISECOND
