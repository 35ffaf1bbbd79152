"""Rows of the table, and the events that they were."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from experimentframework_core.codec import decode
from experimentframework_sqlserver._reading.stored_row import Row, body_of, columns_of, row_of

TIME = datetime.fromisoformat("2026-03-01T12:00:00.123456+02:00")
PAYLOAD = (
    '{"experimentName":"checkout","variantKey":"a","subjectId":"u-1",'
    '"timestamp":"2026-03-01T10:00:00Z","selectionReason":"hash","isRepeatExposure":false}'
)


def row(**changes: object) -> Row:
    """Return a row of an exposure, with these columns changed."""
    return Row("e-1", TIME, "exposure", "1.0.0", PAYLOAD)._replace(**changes)  # type: ignore[arg-type]


def test_a_row_of_ours_is_the_canonical_event() -> None:
    """Given a row, When it becomes an event, Then its bytes are what was published."""
    full = row(correlation_id="r-1", metadata='{"rate":0.5}', traceparent="00-ab-cd-01")

    body = body_of(full, pascal=False)

    assert body.decode() == (
        '{"eventId":"e-1","timestamp":"2026-03-01T10:00:00.123456Z","eventType":"exposure",'
        f'"schemaVersion":"1.0.0","payload":{PAYLOAD},"correlationId":"r-1",'
        '"metadata":{"rate":0.5},"traceparent":"00-ab-cd-01"}'
    )


def test_fields_of_a_newer_version_are_there_again() -> None:
    """Given fields that only a newer version knows, When it becomes an event, Then it has them."""
    newer = row(extra='{"shard":7}')

    envelope = decode(body_of(newer, pascal=False))

    assert envelope.extra == {"shard": 7}


@pytest.mark.parametrize(
    ("written", "pascal", "read"),
    [
        ("Exposure", False, "exposure"),
        ("AnalysisSignal", True, "analysisSignal"),
        ("OddlyNamed", False, "OddlyNamed"),
        ("OddlyNamed", True, "oddlyNamed"),
        ("exposure", True, "exposure"),
    ],
)
def test_a_type_is_read_in_our_spelling(written: str, pascal: bool, read: str) -> None:  # noqa: FBT001
    """Given a type with a capital, When it becomes an event, Then it is ours where that is sure."""
    body = body_of(row(event_type=written), pascal=pascal)

    assert msgspec.json.decode(body)["eventType"] == read


def test_columns_that_are_missing_are_null() -> None:
    """Given the table of .NET, When its columns are named, Then what it lacks is NULL."""
    text = columns_of("event", {"eventid", "correlationid", "metadatajson"})

    assert text.endswith("event.CorrelationId, event.MetadataJson, NULL, NULL")


def test_a_row_has_its_columns_in_order() -> None:
    """Given what the server sent, When it is a row, Then each value has its name."""
    values = ["e-1", TIME, "exposure", "1.0.0", "{}", None, None, None, '{"shard":7}']

    found = row_of(values)

    assert found == Row("e-1", TIME, "exposure", "1.0.0", "{}", extra='{"shard":7}')
