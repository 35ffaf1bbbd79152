"""What a record is as a message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from experimentframework_core.testing import make_exposure, make_record
from experimentframework_kafka import KafkaOptions
from experimentframework_kafka._message import writer_of_messages

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_message_has_the_key_the_body_the_time_and_the_headers() -> None:
    """Given an event with everything, When it becomes a message, Then all is in its place."""
    record = make_record(
        make_exposure(subject_id="u-1"),
        event_id="event-1",
        timestamp=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
        correlation_id="request-1",
        traceparent=TRACE,
    )
    options = KafkaOptions(brokers="one", partition_by="subjectId")

    key, value, timestamp, headers = writer_of_messages(options)(record)

    assert key == b"u-1"
    assert value is record.body
    assert timestamp == 1772366400123
    assert headers == [
        ("event-id", b"event-1"),
        ("event-type", b"exposure"),
        ("schema-version", b"1.0.0"),
        ("correlation-id", b"request-1"),
        ("traceparent", TRACE.encode()),
    ]


def test_what_an_event_does_not_have_is_no_header() -> None:
    """Given an event without correlation and trace, When it is written, Then neither is there."""
    *_, headers = writer_of_messages(KafkaOptions(brokers="one"))(make_record())

    assert [name for name, _ in headers] == ["event-id", "event-type", "schema-version"]


@pytest.mark.parametrize(("case", "spelt"), [("camel", b"exposure"), ("pascal", b"Exposure")])
def test_the_case_of_the_type_can_be_chosen(case: str, spelt: bytes) -> None:
    """Given a case, When messages of one type are made, Then each has the type in that case."""
    options = KafkaOptions(brokers="one", event_type_case=case)  # type: ignore[arg-type]
    message_of = writer_of_messages(options)

    found = [dict(message_of(make_record())[3])["event-type"] for _ in range(2)]

    assert found == [spelt, spelt]
