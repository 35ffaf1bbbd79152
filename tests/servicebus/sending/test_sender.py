"""A sender sends one thing at a time, and has a new link after doubt."""

from __future__ import annotations

import asyncio

import pytest
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    ServiceBusConnectionError,
    ServiceBusServerBusyError,
)

from experimentframework_core.testing import make_records
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._connection.calls import Calls
from experimentframework_servicebus._sending.message import message_of
from experimentframework_servicebus._sending.sender import Sender
from tests.servicebus.sending._links import Links

RECORDS = make_records(30)
MESSAGES = [message_of(record, ServiceBusOptions()) for record in RECORDS]
IDS = [record.event_id for record in RECORDS]
PATIENCE = 60.0


def sender_of(links: Links, *, send_timeout: float = PATIENCE) -> Sender:
    return Sender(links.make, Calls(), name="events", send_timeout=send_timeout)


def until(seconds: float = PATIENCE) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_what_fits_is_sent_together() -> None:
    """Given more than fits in a batch, When it is sent, Then the number of those sent comes."""
    links = Links()

    number = await sender_of(links).send(MESSAGES, until())

    assert 1 < number < len(MESSAGES)
    assert links.sent == [IDS[:number]]


async def test_what_is_larger_than_a_batch_is_sent_alone() -> None:
    """Given an entity that takes large messages, When one is, Then it is sent without a batch."""
    links = Links(batch_bytes=100)

    number = await sender_of(links).send(MESSAGES, until())

    assert number == 1
    assert links.sent == [IDS[:1]]


async def test_a_link_is_opened_once() -> None:
    """Given two sends, When both go well, Then they use the same link."""
    links = Links()
    sender = sender_of(links)

    await sender.send(MESSAGES[:2], until())
    await sender.send(MESSAGES[2:4], until())

    assert (links.opened, links.closed) == (1, 0)


async def test_two_sends_never_overlap() -> None:
    """Given many at once, When they send, Then one is under way at a time."""
    links = Links()
    sender = sender_of(links)

    await asyncio.gather(*(sender.send([message], until()) for message in MESSAGES))

    assert links.at_once == 1
    assert len(links.sent) == len(MESSAGES)


async def test_a_link_that_had_gone_is_replaced_at_once() -> None:
    """Given a link taken away while idle, When something is sent, Then it goes by a new one."""
    links = Links([None, ServiceBusConnectionError(), None])
    sender = sender_of(links)
    await sender.send(MESSAGES[:1], until())

    await sender.send(MESSAGES[1:3], until())

    assert links.sent == [IDS[:1], IDS[1:3], IDS[1:3]]
    assert links.opened == 2


@pytest.mark.parametrize(
    "plays", [[ServiceBusConnectionError()], [None, *[ServiceBusConnectionError()] * 2]]
)
async def test_a_new_link_that_fails_is_the_channels_to_retry(
    plays: list[Exception | None],
) -> None:
    """Given a new link, When it fails too, Then that is raised: the retries are the channel's."""
    links = Links(plays)
    sender = sender_of(links)
    if plays[0] is None:
        await sender.send(MESSAGES[:1], until())

    with pytest.raises(ServiceBusConnectionError):
        await sender.send(MESSAGES[1:], until())

    assert not links.plays


async def test_a_timeout_leaves_doubt_and_a_new_link() -> None:
    """Given a lost confirmation, When the send times out, Then the next one has a new link."""
    links = Links([None, OperationTimeoutError(), None])
    sender = sender_of(links)
    await sender.send(MESSAGES[:1], until())

    with pytest.raises(OperationTimeoutError):
        await sender.send(MESSAGES[1:2], until())
    await sender.send(MESSAGES[1:2], until())

    assert (links.opened, links.closed) == (2, 1)
    assert links.sent == [IDS[:1], IDS[1:2], IDS[1:2]]


async def test_a_send_that_never_ends_does() -> None:
    """Given a client that hangs, When its timeout is over, Then it is left behind."""
    links = Links([asyncio.Event()])
    sender = sender_of(links, send_timeout=0.001)

    with pytest.raises(TimeoutError):
        await sender.send(MESSAGES[:1], until())
    await asyncio.sleep(0)

    assert links.closed == 1


async def test_a_cancelled_send_leaves_doubt_and_a_new_link() -> None:
    """Given a send under way, When it is cancelled, Then the next one has a new link."""
    links = Links([asyncio.Event()])
    sender = sender_of(links)
    sending = asyncio.create_task(sender.send(MESSAGES[:1], until()))
    await links.sending.wait()

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await sender.send(MESSAGES[:1], until())

    assert (links.opened, links.closed) == (2, 1)


@pytest.mark.parametrize("error", [ServiceBusServerBusyError(), MessageSizeExceededError()])
async def test_a_clear_answer_keeps_the_link(error: Exception) -> None:
    """Given a busy service or a refusal, When it has answered, Then the link is as good."""
    links = Links([error])
    sender = sender_of(links)

    with pytest.raises(type(error)):
        await sender.send(MESSAGES[:2], until())
    await sender.send(MESSAGES[:2], until())

    assert (links.opened, links.closed) == (1, 0)


async def test_a_link_that_does_not_open_is_closed() -> None:
    """Given a missing queue, When it is to be opened, Then that is raised and nothing is left."""
    links = Links()
    links.refuses_to_open = MessagingEntityNotFoundError()

    with pytest.raises(MessagingEntityNotFoundError):
        await sender_of(links).open(until())
    await asyncio.sleep(0)

    assert links.closed == 1


async def test_nothing_is_sent_after_the_deadline() -> None:
    """Given no time left, When something is sent, Then it is not tried."""
    links = Links()

    with pytest.raises(TimeoutError):
        await sender_of(links).send(MESSAGES, until(-1))

    assert links.sent == []
