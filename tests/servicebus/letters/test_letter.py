"""What a dead letter is to everybody, and what of it goes out again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from azure.servicebus.amqp import (
    AmqpAnnotatedMessage,
    AmqpMessageHeader,
    AmqpMessageProperties,
)

from experimentframework_core.testing import make_exposure, make_record
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._letters.letter import CannotCopyError, copy_of, letter_of
from experimentframework_servicebus._namespace.entities import Place
from experimentframework_servicebus._sending.message import message_of
from tests.servicebus.letters._received import received

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

PLACE = Place("events", "all", dead_letters=True)
WHY = {"DeadLetterReason": "bad", "DeadLetterErrorDescription": "a bad one"}
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADDED = {
    b"x-opt-sequence-number": {"TYPE": "LONG", "VALUE": 7},
    b"x-opt-enqueued-time": int(AT.timestamp() * 1000),
    b"x-opt-deadletter-source": "elsewhere",
    b"x-opt-partition-key": "p",
}


def message(**said: object) -> ServiceBusReceivedMessage:
    """Return a message that is received, with what is said."""
    body = {} if "value_body" in said else {"data_body": b"{}"}
    return received(AmqpAnnotatedMessage(**body, **said))  # type: ignore[arg-type]


def again(found: ServiceBusReceivedMessage) -> ServiceBusReceivedMessage:
    """Return the copy of a message, as it is received."""
    return received(copy_of(found))


def test_a_letter_has_all_that_the_service_says() -> None:
    """Given a dead letter, When it is shown, Then everything has its name."""
    found = message(
        header=AmqpMessageHeader(delivery_count=10, time_to_live=60_000),
        properties=AmqpMessageProperties(
            message_id="m", subject="exposure", group_id="s", correlation_id="c"
        ),
        application_properties={**WHY, "SchemaVersion": "1.0.0", "number": 1},
        annotations=ADDED,
    )

    letter = letter_of(found, PLACE)

    assert letter.place == "events/Subscriptions/all"
    assert letter.key == "events/Subscriptions/all#7"
    assert (letter.message_id, letter.number, letter.deliveries) == ("m", 7, 10)
    assert (letter.reason, letter.description) == ("bad", "a bad one")
    assert (letter.source, letter.enqueued_at, letter.body) == ("elsewhere", AT, b"{}")
    assert letter.details == {
        "session": "s",
        "partition key": "p",
        "subject": "exposure",
        "correlation id": "c",
        "time to live": "0:01:00",
        "property SchemaVersion": "1.0.0",
        "property number": "1",
    }


def test_a_message_of_nothing_is_a_letter_too() -> None:
    """Given a message without any properties, When it is shown, Then what is not said is None."""
    letter = letter_of(message(), Place("events"))

    assert (letter.message_id, letter.reason, letter.description) == (None, None, None)
    assert (letter.enqueued_at, letter.source, letter.details) == (None, None, {})


def test_a_value_is_shown_as_text() -> None:
    """Given a message that holds a value, When it is shown, Then its body is its text."""
    letter = letter_of(message(value_body=["a", 1]), Place("events"))

    assert letter.body == b"[b'a', 1]"


def test_a_copy_of_an_event_is_the_same_message() -> None:
    """Given an event's message with sessions and a life, When copied, Then nothing differs."""
    options = ServiceBusOptions(enable_sessions=True, message_time_to_live_minutes=5)
    record = make_record(make_exposure(), correlation_id="c", traceparent=f"00-{'a' * 32}-b-01")
    sent = received(message_of(record, options).annotated())

    copy = again(sent)

    for name in ("message_id", "session_id", "subject", "correlation_id", "content_type"):
        assert getattr(copy, name) == getattr(sent, name)
    assert copy.application_properties == sent.application_properties
    assert (copy.time_to_live, b"".join(copy.body)) == (sent.time_to_live, record.body)


def test_a_copy_says_why_its_letter_was_dead() -> None:
    """Given a dead letter, When it is copied, Then why stays, under names of ours."""
    copy = again(message(application_properties={**WHY, "a": 1}, annotations=ADDED))

    assert copy.application_properties == {
        b"PreviousDeadLetterReason": b"bad",
        b"PreviousDeadLetterErrorDescription": b"a bad one",
        b"a": 1,
    }
    assert (copy.dead_letter_reason, copy.dead_letter_source) == (None, None)
    assert (copy.partition_key, copy.sequence_number) == ("p", None)


@pytest.mark.parametrize(
    "properties",
    [
        {"number": 2**40, "small": -5, "yes": True, "share": 0.5, "text": "ä", "none": None},
        {"huge": {"TYPE": "ULONG", "VALUE": 2**63 + 1}, "id": UUID(int=7)},
    ],
)
def test_a_copy_of_another_sender_s_message_keeps_its_properties(
    properties: dict[str, object],
) -> None:
    """Given properties of all kinds, When copied, Then their values are the same."""
    sent = message(
        properties=AmqpMessageProperties(
            message_id=UUID(int=3), user_id=b"\xff", to="t", reply_to="r", group_sequence=4
        ),
        application_properties={
            name: {"TYPE": "LONG", "VALUE": value} if name == "number" else value
            for name, value in properties.items()
        },
    )

    copy = again(sent)

    assert copy.application_properties == sent.application_properties
    assert copy.raw_amqp_message.properties == sent.raw_amqp_message.properties


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"value_body": "text"}, "its body is no bytes"),
        ({"application_properties": {"raw": b"\xff"}}, "its property raw is no text"),
    ],
)
def test_what_would_not_be_the_same_is_not_copied(said: dict[str, object], why: str) -> None:
    """Given what the client cannot send as it was, When it is to be copied, Then it is refused."""
    if "application_properties" in said:
        found = message()
        found.raw_amqp_message.application_properties = said["application_properties"]  # type: ignore[assignment]
    else:
        found = message(**said)

    with pytest.raises(CannotCopyError, match=why):
        copy_of(found)
