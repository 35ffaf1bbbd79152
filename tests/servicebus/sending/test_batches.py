"""Which records go together, and how many fit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from azure.servicebus import ServiceBusMessageBatch
from azure.servicebus.exceptions import MessageSizeExceededError

from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._sending.batches import Group, fill, groups_of
from experimentframework_servicebus._sending.message import Message, message_of
from tests.servicebus.sending._links import parts_of, read

if TYPE_CHECKING:
    from azure.servicebus.amqp import AmqpAnnotatedMessage

RECORDS = [
    make_record(make_exposure(subject_id="a")),
    make_record(make_exposure(subject_id="b")),
    make_record(make_outcome(subject_id="a")),
    make_record(make_exposure(subject_id="a")),
]


def test_without_sessions_everything_goes_together() -> None:
    """Given one queue, When there are no sessions, Then all records are one group."""
    groups = groups_of(RECORDS, range(4), ServiceBusOptions(queue_name="events"))

    assert groups == {"events": [Group("events", None, [0, 1, 2, 3])]}


def test_a_group_has_one_session() -> None:
    """Given sessions by subject, When records are grouped, Then each subject's stay in order."""
    options = ServiceBusOptions(
        topic_name="events", enable_sessions=True, session_strategy="subjectId"
    )

    groups = groups_of(RECORDS, range(4), options)

    assert groups == {"events": [Group("events", "a", [0, 2, 3]), Group("events", "b", [1])]}


def test_a_group_has_one_destination() -> None:
    """Given a queue for each type, When some records are grouped, Then each is with its like."""
    options = ServiceBusOptions(use_type_specific_destinations=True)

    groups = groups_of(RECORDS, [1, 2, 3], options)

    assert groups == {
        "experiment-exposures": [Group("experiment-exposures", None, [1, 3])],
        "experiment-outcomes": [Group("experiment-outcomes", None, [2])],
    }


async def test_a_batch_closes_when_it_is_full() -> None:
    """Given more than fits, When a batch is filled, Then it has the first ones."""
    messages = [message_of(record, ServiceBusOptions()) for record in RECORDS * 10]
    ours, by_client = ServiceBusMessageBatch(4096), ServiceBusMessageBatch(4096)

    number = await fill(ours, messages)

    for message in messages[:number]:
        by_client.add_message(message.annotated())
    with pytest.raises(MessageSizeExceededError):
        by_client.add_message(messages[number].annotated())
    assert parts_of(ours) == parts_of(by_client)


async def test_the_client_encodes_where_it_does_so_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a client that adds something, When a batch is filled, Then all messages have it."""
    messages = [message_of(record, ServiceBusOptions()) for record in RECORDS * 20]
    said = Message.annotated

    def annotated(message: Message) -> AmqpAnnotatedMessage:
        made = said(message)
        made.application_properties = {**(made.application_properties or {}), "added": "yes"}
        return made

    monkeypatch.setattr(Message, "annotated", annotated)
    batch = ServiceBusMessageBatch(16_384)

    number = await fill(batch, messages)

    parts = [read(part) for part in parts_of(batch)]
    assert 1 < number < len(messages)
    assert number == len(parts) == len(batch)
    assert {part.application["added"] for part in parts} == {"yes"}


async def test_nothing_fits_where_the_first_does_not() -> None:
    """Given a message larger than a batch, When a batch is filled, Then it stays empty."""
    messages = [message_of(RECORDS[0], ServiceBusOptions())] * 2

    number = await fill(ServiceBusMessageBatch(100), messages)

    assert number == 0


async def test_the_loop_turns_while_a_large_batch_is_filled() -> None:
    """Given many messages, When they are encoded, Then others have their turns meanwhile."""
    messages = [message_of(RECORDS[0], ServiceBusOptions())] * 2_000
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await fill(ServiceBusMessageBatch(2_000_000), messages)
    counting.cancel()

    assert turns >= 3
