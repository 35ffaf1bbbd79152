"""Events and records with everything filled in, for tests that care about one field only."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import uuid_utils

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.events import (
    Exposure,
    Outcome,
    OutcomeType,
    event_type_of,
    utc_now,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import msgspec

_numbers = count(1)


def make_exposure(**fields: object) -> Exposure:
    """Return an exposure of a new subject; ``fields`` replace what it would have."""
    given = {
        "experiment_name": "checkout",
        "variant_key": "express",
        "subject_id": f"subject-{next(_numbers)}",
        "selection_reason": "hash-assignment",
    }
    return Exposure(**(given | fields))  # type: ignore[arg-type]


def make_outcome(**fields: object) -> Outcome:
    """Return a conversion of a new subject; ``fields`` replace what it would have."""
    given = {
        "experiment_name": "checkout",
        "subject_id": f"subject-{next(_numbers)}",
        "outcome_type": OutcomeType.BINARY,
        "name": "converted",
        "value": 1.0,
    }
    return Outcome(**(given | fields))  # type: ignore[arg-type]


def make_envelope(
    event: msgspec.Struct | None = None,
    *,
    event_id: str | None = None,
    timestamp: datetime | None = None,
    correlation_id: str | None = None,
    metadata: Mapping[str, object] | None = None,
    traceparent: str | None = None,
) -> Envelope:
    """Return ``event``, or a new exposure, in an envelope with an id and a time of its own.

    Args:
        event: Any registered event.
        event_id: A new UUIDv7 if it is not given.
        timestamp: The payload's own time, else now, if it is not given.
        correlation_id: As in the envelope.
        metadata: As in the envelope.
        traceparent: As in the envelope.

    Raises:
        TypeError: The event's class is not registered.
    """
    payload = make_exposure() if event is None else event
    registered = event_type_of(type(payload))
    if registered is None:
        message = f"{type(payload).__qualname__} is not a registered event; decorate it with @event"
        raise TypeError(message)
    return Envelope(
        event_id=event_id or str(uuid_utils.uuid7()),
        timestamp=timestamp or getattr(payload, "timestamp", None) or utc_now(),
        event_type=registered.name,
        schema_version=registered.version,
        payload=payload,
        correlation_id=correlation_id,
        metadata=None if metadata is None else dict(metadata),
        traceparent=traceparent,
    )


def make_record(
    event: msgspec.Struct | None = None,
    *,
    event_id: str | None = None,
    timestamp: datetime | None = None,
    correlation_id: str | None = None,
    metadata: Mapping[str, object] | None = None,
    traceparent: str | None = None,
) -> Record:
    """Return ``event``, or a new exposure, as a backplane gets it; arguments: `make_envelope`."""
    return encode_record(
        make_envelope(
            event,
            event_id=event_id,
            timestamp=timestamp,
            correlation_id=correlation_id,
            metadata=metadata,
            traceparent=traceparent,
        )
    )


def make_records(number: int) -> list[Record]:
    """Return ``number`` exposures, each of a subject of its own, as a backplane gets them."""
    return [make_record() for _ in range(number)]
