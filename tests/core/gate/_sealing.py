"""Sealing as a plane does it, beside what the codec would say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from experimentframework_core import codec
from experimentframework_core._gate.gate import Gate, Rules
from experimentframework_core.config import DataPlaneOptions
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import event_type_of

EVENT_ID = "0198c5a0-0000-7000-8000-000000000001"
RULES = Rules(DataPlaneOptions())


def seal(payload: Any, **more: Any) -> Record:
    """Seal the payload as a plane does that neither samples nor redacts."""
    registered = event_type_of(type(payload))
    assert registered is not None
    gate = Gate(registered, RULES, max_bytes=1 << 18)
    record = gate.seal(payload, EVENT_ID, more.get("correlation_id"), more.get("metadata"))
    assert record is not None
    return record


def check(payload: Any, **more: Any) -> None:
    """Assert that sealing the payload ends as the codec would have it."""
    registered = event_type_of(type(payload))
    assert registered is not None
    try:
        record = seal(payload, **more)
    except InvalidEventError as error:
        whole = Envelope(
            event_id=EVENT_ID,
            timestamp=datetime(2026, 1, 1, tzinfo=UTC),
            event_type=registered.name,
            schema_version=registered.version,
            payload=payload,
            **more,
        )
        path = error.path
        explained = codec.explain(payload) or codec.explain(whole)
        _assert_explained(path, explained)
        return
    envelope = codec.decode(record.body)
    assert codec.encode(envelope) == record.body
    assert codec.explain(payload) is None
    assert codec.encode_record(envelope) == record
    assert (envelope.event_id, envelope.event_type) == (EVENT_ID, registered.name)
    assert envelope.schema_version == registered.version
    written = Envelope(
        event_id=EVENT_ID,
        timestamp=envelope.timestamp,
        event_type=registered.name,
        schema_version=registered.version,
        payload=payload,
        **more,
    )
    assert codec.encode(written) == record.body
    if isinstance(stamp := getattr(payload, "timestamp", None), datetime):
        assert envelope.timestamp == stamp


def _assert_explained(path: str, explained: InvalidEventError | None) -> None:
    assert path
    assert explained is not None
