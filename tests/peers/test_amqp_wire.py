"""What goes wrong on the wire, as the genuine client sees it, and what is stored then."""

from __future__ import annotations

import asyncio
import gc
from itertools import count
from typing import TYPE_CHECKING

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusConnectionError,
    ServiceBusError,
    ServiceBusQuotaExceededError,
    ServiceBusServerBusyError,
)
from msgspec.structs import replace

from tests.peers.amqp.definitions import Settings
from tests.peers.amqp.faults import (
    DETACHED,
    DROPPED_AFTER,
    DROPPED_BEFORE,
    HANG,
    LOST_ACKNOWLEDGEMENT,
    QUEUE_FULL,
    SERVER_BUSY,
    Fault,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from azure.servicebus.aio import ServiceBusSender

    from tests.peers.amqp.peer import ServiceBusPeer

# A client whose connection is cut leaves its socket to the garbage collector: it comes in time.
pytestmark = [
    pytest.mark.usefixtures("collected"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

_numbers = count(1)


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect what the client left, while the warnings about it are ignored."""
    yield
    gc.collect()


@pytest.fixture
def queue(amqp: ServiceBusPeer) -> str:
    """Return the name of a queue that is new and empty."""
    name = f"wire{next(_numbers)}"
    amqp.queue(name)
    return name


@pytest.fixture
async def sender(amqp: ServiceBusPeer, queue: str) -> AsyncIterator[ServiceBusSender]:
    """Return a sender that is open and does not try again by itself."""
    async with (
        ServiceBusClient.from_connection_string(amqp.connection_string(), retry_total=0) as client,
        client.get_queue_sender(queue, socket_timeout=0.02) as sender,
    ):
        yield sender


async def _send(sender: ServiceBusSender, name: str = "a", seconds: float = 20.0) -> None:
    await sender.send_messages(ServiceBusMessage(b"{}", message_id=name), timeout=seconds)


@pytest.mark.parametrize(
    ("fault", "error", "stored"),
    [
        pytest.param(LOST_ACKNOWLEDGEMENT, OperationTimeoutError, 1, id="lost acknowledgement"),
        pytest.param(HANG, OperationTimeoutError, 0, id="hang"),
        pytest.param(DROPPED_BEFORE, ServiceBusConnectionError, 0, id="cut before it is stored"),
        pytest.param(DROPPED_AFTER, ServiceBusConnectionError, 1, id="cut behind the store"),
        pytest.param(SERVER_BUSY, ServiceBusServerBusyError, 0, id="server busy"),
        pytest.param(QUEUE_FULL, ServiceBusQuotaExceededError, 0, id="queue full"),
        pytest.param(DETACHED, ServiceBusError, 0, id="detached"),
        pytest.param(replace(DETACHED, condition=""), ServiceBusError, 0, id="without error"),
        pytest.param(
            Fault(what="close", condition="amqp:connection:forced"),
            ServiceBusConnectionError,
            0,
            id="connection closed",
        ),
    ],
)
async def test_a_fault_ends_one_send(  # noqa: PLR0917 - three fixtures and three facts
    amqp: ServiceBusPeer,
    sender: ServiceBusSender,
    queue: str,
    fault: Fault,
    error: type[ServiceBusError],
    stored: int,
) -> None:
    """Given a fault, When a message is sent, Then the client hears it; it is stored or not."""
    amqp.inject(replace(fault, matching=queue))

    with pytest.raises(error):
        await _send(sender, seconds=2.0 if error is OperationTimeoutError else 20.0)

    assert len(amqp.messages(queue)) == stored


async def test_a_send_after_a_fault_works(
    amqp: ServiceBusPeer, sender: ServiceBusSender, queue: str
) -> None:
    """Given a cut connection, When it is sent again, Then the client connects and it is stored."""
    amqp.inject(DROPPED_BEFORE)
    with pytest.raises(ServiceBusConnectionError):
        await _send(sender)

    await _send(sender)

    assert len(amqp.messages(queue)) == 1


async def test_an_idle_link_may_be_detached(amqp: ServiceBusPeer, queue: str) -> None:
    """Given a client that tries again, When its idle link was detached, Then the send arrives."""
    async with (
        ServiceBusClient.from_connection_string(
            amqp.connection_string(), retry_total=1, retry_backoff_factor=0.05
        ) as client,
        client.get_queue_sender(queue) as sender,
    ):
        await _send(sender, "a")
        attached = amqp.state.attached

        amqp.detach()
        await _send(sender, "b")

    assert [each.message_id for each in amqp.messages(queue)] == ["a", "b"]
    assert amqp.state.attached == attached + 1


async def test_what_hangs_goes_on_when_it_is_released(
    amqp: ServiceBusPeer, sender: ServiceBusSender, queue: str
) -> None:
    """Given a broker that hears nobody, When it is released, Then the send is acknowledged."""
    amqp.hang()
    sending = asyncio.create_task(_send(sender, seconds=20.0))
    await asyncio.sleep(0.2)
    before = amqp.messages(queue)

    amqp.release()
    await sending

    assert before == []
    assert len(amqp.messages(queue)) == 1


async def test_an_answer_may_be_late(
    amqp: ServiceBusPeer, sender: ServiceBusSender, queue: str
) -> None:
    """Given slowness, When a send waits for less and then for more, Then one fails."""
    amqp.inject(Fault(what="slow", seconds=0.5, matching=queue, times=2))

    with pytest.raises(OperationTimeoutError):
        await _send(sender, "a", seconds=0.1)
    await _send(sender, "b", seconds=20.0)

    assert {"a", "b"} >= {each.message_id for each in amqp.messages(queue)} >= {"b"}


async def test_a_broker_may_be_away_and_keeps_what_it_has(
    amqp: ServiceBusPeer, sender: ServiceBusSender, queue: str
) -> None:
    """Given a broker that is away, When it is back, Then a send arrives beside what there was."""
    await _send(sender, "a")

    amqp.stop_listening()
    with pytest.raises(ServiceBusConnectionError):
        await _send(sender, "b")
    amqp.listen()
    await _send(sender, "c")

    assert [each.message_id for each in amqp.messages(queue)] == ["a", "c"]


async def test_a_full_queue_says_so_itself(amqp: ServiceBusPeer, queue: str) -> None:
    """Given room for two, When a batch of three comes, Then none of it is stored."""
    amqp.queue(queue, Settings(capacity=2))
    messages = [ServiceBusMessage(b"{}") for _ in range(3)]

    async with (
        ServiceBusClient.from_connection_string(amqp.connection_string(), retry_total=0) as client,
        client.get_queue_sender(queue) as sender,
    ):
        with pytest.raises(ServiceBusQuotaExceededError):
            await sender.send_messages(messages, timeout=20)

    assert amqp.messages(queue) == []


async def test_what_is_under_way_at_once_is_counted(
    amqp: ServiceBusPeer, sender: ServiceBusSender, queue: str
) -> None:
    """Given late answers, When one sender sends twice at once, Then both were under way."""
    amqp.inject(Fault(what="slow", seconds=1.0, matching=queue, times=2))

    await asyncio.gather(_send(sender, "a"), _send(sender, "b"))

    assert amqp.state.at_once >= 2
    assert amqp.state.senders == {queue: 1}


async def test_a_receiver_whose_answer_is_lost_settles_again(
    amqp: ServiceBusPeer, sender: ServiceBusSender, queue: str
) -> None:
    """Given a connection cut as a message is completed, When it is over, Then it is complete."""
    await _send(sender)
    amqp.inject(Fault(what="cut", at="settle", matching=queue))

    async with (
        ServiceBusClient.from_connection_string(
            amqp.connection_string(), retry_total=2, retry_backoff_factor=0.05
        ) as client,
        client.get_queue_receiver(queue, socket_timeout=0.02) as receiver,
    ):
        (message,) = await receiver.receive_messages(1, max_wait_time=20)
        await receiver.complete_message(message)

    assert amqp.messages(queue) == []


@pytest.mark.parametrize(("after", "left"), [(False, ["a"]), (True, [])])
async def test_what_a_receiver_says_may_hang(
    amqp: ServiceBusPeer, sender: ServiceBusSender, queue: str, left: list[str], *, after: bool
) -> None:
    """Given an answer that hangs, When a message is completed, Then it is gone, or never was."""
    await _send(sender)
    amqp.inject(Fault(what="hang", at="settle", matching=queue, after=after))

    async with (
        ServiceBusClient.from_connection_string(amqp.connection_string(), retry_total=0) as client,
        client.get_queue_receiver(queue, socket_timeout=0.02) as receiver,
    ):
        (message,) = await receiver.receive_messages(1, max_wait_time=20)
        completing = asyncio.create_task(receiver.complete_message(message))
        async with asyncio.timeout(20):
            while amqp.state.faults:  # noqa: ASYNC110 - they are in another process
                await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(completing, 0.3)

    assert [each.message_id for each in amqp.messages(queue)] == left


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(what="error", at="token"), ServiceBusAuthenticationError),
        (
            Fault(what="error", at="attach", condition="amqp:unauthorized-access"),
            ServiceBusAuthorizationError,
        ),
        (Fault(what="cut", at="connect"), ServiceBusConnectionError),
    ],
)
async def test_a_sender_may_be_kept_out(
    amqp: ServiceBusPeer, queue: str, fault: Fault, error: type[ServiceBusError]
) -> None:
    """Given a fault at the door, When a client comes, Then it hears it."""
    amqp.inject(fault)

    async with ServiceBusClient.from_connection_string(
        amqp.connection_string(), retry_total=0
    ) as client:
        with pytest.raises(error):
            await client.get_queue_sender(queue).__aenter__()
