"""A record reads its id and time from the bytes that it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope, Record
from tests.core.event_strategies import envelopes

epoch = datetime(1970, 1, 1, tzinfo=UTC)


def record_at(timestamp: datetime) -> Record:
    return encode_record(
        Envelope(
            event_id="id-1",
            timestamp=timestamp,
            event_type="unheardOf",
            schema_version="1.0.0",
            payload={},
        )
    )


@settings(deadline=None)
@given(envelopes)
def test_a_record_knows_its_id_and_time(envelope: Envelope) -> None:
    """Given any envelope, when encoded as a record, then id and time are read from its body."""
    record = encode_record(envelope)

    assert record.event_id == envelope.event_id
    assert record.timestamp == envelope.timestamp
    assert record.timestamp.utcoffset() == timedelta(0)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\')))
def test_any_printable_id_is_read_back(event_id: str) -> None:
    """Given an id of any allowed characters, when read from the body, then it is the same."""
    if not 0 < len(event_id) <= 128:
        return
    envelope = Envelope(
        event_id=event_id,
        timestamp=epoch,
        event_type="unheardOf",
        schema_version="1.0.0",
        payload=None,
    )

    record = encode_record(envelope)

    assert record.event_id == event_id


@settings(deadline=None)
@given(st.integers(0, 131 * 365 * 86_400 * 10**6))
def test_nanoseconds_are_exact(microseconds: int) -> None:
    """Given any microsecond of 1970 to 2100, when asked in nanoseconds, then it is exact."""
    record = record_at(epoch + timedelta(microseconds=microseconds))

    assert record.timestamp_ns == microseconds * 1000


@settings(deadline=None)
@given(envelopes)
def test_id_and_milliseconds_come_together(envelope: Envelope) -> None:
    """Given any envelope, when asked for both at once, then they are the same."""
    record = encode_record(envelope)

    together = record.id_and_milliseconds()

    assert together == (record.event_id.encode(), record.timestamp_ns // 1_000_000)


@pytest.mark.parametrize(
    ("timestamp", "nanoseconds"),
    [
        (epoch, 0),
        (datetime(2026, 1, 1, tzinfo=UTC), 1_767_225_600_000_000_000),
        (datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC), 1_767_225_600_000_001_000),
        (datetime(2100, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 4_133_980_799_999_999_000),
        (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), -1000),
    ],
)
def test_whole_seconds_and_edges_are_exact(timestamp: datetime, nanoseconds: int) -> None:
    """Given a time with or without a fraction, when asked in any unit, then it is exact."""
    record = record_at(timestamp)

    assert record.timestamp == timestamp
    assert record.timestamp_ns == nanoseconds
    assert record.id_and_milliseconds() == (b"id-1", nanoseconds // 1_000_000)


def test_a_record_is_frozen_and_not_tracked_by_the_garbage_collector() -> None:
    """Given the record class, when looked at, then a queue of them costs the collector nothing."""
    config = Record.__struct_config__

    assert config.frozen
    assert not config.gc


def test_envelope_fields_are_in_the_order_of_the_wire() -> None:
    """Given the envelope, when its wire names are listed, then this is their order."""
    names = [field.encode_name for field in msgspec.structs.fields(Envelope)]

    assert names == [
        "eventId",
        "timestamp",
        "eventType",
        "schemaVersion",
        "payload",
        "correlationId",
        "metadata",
        "traceparent",
        "extra",
    ]
