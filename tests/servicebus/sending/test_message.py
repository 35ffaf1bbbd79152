"""What a record is as a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.servicebus import ServiceBusMessageBatch

from experimentframework_core.envelope import Record
from experimentframework_core.errors import PermanentError
from experimentframework_core.testing import make_exposure, make_record
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._sending.message import LONGEST_ID, message_of, session_of

if TYPE_CHECKING:
    from azure.servicebus.amqp import AmqpAnnotatedMessage

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SESSIONS = ServiceBusOptions(enable_sessions=True, session_strategy="subjectId")


def said(message: AmqpAnnotatedMessage) -> dict[str, object]:
    """Return what the message says of itself, but for what it does not say."""
    return {name: value for name, value in (message.properties or {}).items() if value is not None}


def test_a_message_has_what_the_service_routes_by() -> None:
    """Given a record, When it is a message, Then id, subject, session and properties are set."""
    record = make_record(make_exposure(subject_id="u-1"), correlation_id="order-7")

    message = message_of(record, SESSIONS).annotated()

    assert b"".join(message.body) == record.body
    assert said(message) == {
        "message_id": record.event_id,
        "subject": "exposure",
        "correlation_id": "order-7",
        "content_type": "application/json",
        "group_id": "u-1",
    }
    assert message.application_properties == {
        "EventType": "exposure",
        "SchemaVersion": "1.0.0",
        "Timestamp": {"TYPE": "LONG", "VALUE": record.timestamp_ns // 1_000_000},
    }


def test_a_record_in_a_trace_says_so() -> None:
    """Given a trace context, When the record is a message, Then it is a property."""
    record = make_record(make_exposure(), traceparent=TRACE)

    message = message_of(record, ServiceBusOptions()).annotated()

    assert (message.application_properties or {})["traceparent"] == TRACE


def test_without_sessions_a_message_has_none() -> None:
    """Given no sessions, When a record is a message, Then no session is named."""
    message = message_of(make_record(make_exposure()), ServiceBusOptions()).annotated()

    assert "group_id" not in said(message)


def test_the_spelling_of_the_original() -> None:
    """Given eventTypeCase pascal, When a record is a message, Then its type is in Pascal case."""
    options = ServiceBusOptions(event_type_case="pascal")

    message = message_of(make_record(make_exposure()), options).annotated()

    assert said(message)["subject"] == "Exposure"
    assert (message.application_properties or {})["EventType"] == "Exposure"


@pytest.mark.parametrize(("minutes", "milliseconds"), [(1, 60_000), (71_582, 4_294_920_000)])
def test_a_message_lives_as_long_as_is_said(minutes: int, milliseconds: int) -> None:
    """Given a time to live, When the message is put into a batch, Then the client takes it."""
    message = message_of(
        make_record(make_exposure()), ServiceBusOptions(message_time_to_live_minutes=minutes)
    ).annotated()

    ServiceBusMessageBatch(100_000).add_message(message)

    assert message.header is not None
    assert message.header.time_to_live == milliseconds


def test_a_long_owner_is_a_session_of_its_own_all_the_same() -> None:
    """Given owners that begin alike, When they are too long, Then each has one short id."""
    records = [
        make_record(make_exposure(subject_id=subject))
        for subject in ("u" * LONGEST_ID, "u" * 200, "u" * 200, "u" * 199 + "v")
    ]

    ids = [session_of(record, SESSIONS) for record in records]

    assert ids[0] == "u" * LONGEST_ID
    assert ids[1] == ids[2]
    assert len({ids[0], ids[1], ids[3]}) == 3
    assert {len(each or "") for each in ids} == {LONGEST_ID}


def test_an_event_id_that_is_no_message_id_is_refused() -> None:
    """Given an id of another system, When it is too long, Then the record alone is refused."""
    body = make_record(make_exposure()).body
    record = Record(body[:12] + b"x" * 200 + body[body.index(b'"', 12) :], "exposure", "1.0.0")

    with pytest.raises(PermanentError, match="event id has 200 characters; expected at most 128"):
        message_of(record, ServiceBusOptions())
