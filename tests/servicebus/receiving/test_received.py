"""What a consumer says of an event is done once, and told where it cannot be done."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from azure.servicebus import ServiceBusMessage

from experimentframework_core.errors import TransientError
from experimentframework_core.testing import make_records
from experimentframework_servicebus import receive
from tests.servicebus._wire import LEAKS, deliver, ids, options_of, send, stored
from tests.servicebus.receiving._events import PATIENCE, names, some

if TYPE_CHECKING:
    from experimentframework_servicebus import Received
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


async def test_what_is_completed_is_gone(peer: ServiceBusPeer, queue: str) -> None:
    """Given three events, When they are received and two completed, Then the third is left."""
    options, records = options_of(peer, queue), make_records(3)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        received = await some(events, 3)
        await received[0].complete()
        await received[1].complete()

    assert names(received) == ids(records)
    assert stored(peer, queue) == [records[2].event_id]


async def test_what_is_abandoned_comes_again_at_once(peer: ServiceBusPeer, queue: str) -> None:
    """Given an event, When it is abandoned, Then it is the next, delivered once more."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        first = await anext(events)
        await first.abandon()
        again = await anext(events)

    assert again.body == first.body
    assert (first.deliveries, again.deliveries) == (0, 1)


async def test_a_dead_letter_keeps_its_reason(peer: ServiceBusPeer, queue: str) -> None:
    """Given an event, When it is put among the dead letters, Then they say why, not too long."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        await (await anext(events)).dead_letter("UnknownExperiment", "x" * 5000)

    (dead,) = peer.messages(f"{queue}/$DeadLetterQueue")
    assert (dead.reason, dead.description) == ("UnknownExperiment", "x" * 4096)
    assert stored(peer, queue) == []


async def test_a_lost_lock_is_told(peer: ServiceBusPeer, queue: str) -> None:
    """Given a lock that is over, When the event is completed, Then it is told, and comes again."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.put_forward(31)
        with pytest.raises(TransientError) as raised:
            await received.complete()
        again = await anext(events)

    assert f"of '{queue}': its lock is lost, so it comes again" in str(raised.value)
    assert (again.body, again.deliveries) == (received.body, 1)


async def test_an_event_can_be_kept_for_longer(peer: ServiceBusPeer, queue: str) -> None:
    """Given a lock of 30 s, When it is renewed after 20, Then the event is kept after 40."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.put_forward(20)
        until = await received.renew_lock()
        peer.put_forward(20)
        await received.complete()

    assert (until - datetime.now(UTC)).total_seconds() > 20
    assert stored(peer, queue) == []


async def test_what_is_no_event_is_handed_over(peer: ServiceBusPeer, queue: str) -> None:
    """Given a foreign message, When it is received, Then it says why, and stays if nobody acts."""
    options, (record,) = options_of(peer, queue), make_records(1)
    await send(peer, queue, ServiceBusMessage(b"not an event", subject="other"))
    await deliver(options, [record])

    async with receive(options, max_wait=PATIENCE) as events:
        foreign, event = await some(events, 2)
        await event.complete()

    assert foreign.envelope is None
    assert (foreign.body, foreign.message.subject) == (b"not an event", "other")
    assert event.problem is None
    assert foreign.problem is not None
    assert len(peer.messages(queue)) == 1


async def test_many_are_completed_together(peer: ServiceBusPeer, queue: str) -> None:
    """Given a batch of which one lock is lost, When it is completed, Then the others are gone."""
    options, records = options_of(peer, queue), make_records(600)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        first = await events.batch(1)
        peer.put_forward(20)
        rest: list[Received] = []
        while batch := await events.batch(600 - 1 - len(rest)):
            rest += batch
            if len(rest) == 599:
                break
        peer.put_forward(11)
        with pytest.raises(TransientError, match=r"1 of 600 events are not completed; the first: "):
            await events.complete([*first, *rest])

    assert stored(peer, queue) == [records[0].event_id]


async def test_an_event_is_settled_once(peer: ServiceBusPeer, queue: str) -> None:
    """Given a completed event, When it is settled again, Then that is a mistake."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        await received.complete()
        with pytest.raises(RuntimeError, match=f"of '{queue}' is completed already"):
            await received.dead_letter("Again")


async def test_an_event_given_twice_is_a_mistake(peer: ServiceBusPeer, queue: str) -> None:
    """Given two events, When one is completed twice at once, Then nothing is done."""
    options, records = options_of(peer, queue), make_records(2)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        first, second = await some(events, 2)
        with pytest.raises(RuntimeError, match="is given twice, or being settled already"):
            await events.complete([first, second, first])
        left = stored(peer, queue)
        await events.complete([first, second])

    assert left == ids(records)
    assert stored(peer, queue) == []


async def test_who_settles_at_the_same_time_is_told(peer: ServiceBusPeer, queue: str) -> None:
    """Given an event, When two settle it at once, Then the first does, and the link is good."""
    options = options_of(peer, queue)
    await deliver(options, make_records(2))

    async with receive(options, max_wait=PATIENCE) as events:
        first = await anext(events)
        outcomes = await asyncio.gather(
            first.complete(), first.complete(), first.abandon(), return_exceptions=True
        )
        await (await anext(events)).complete()

    assert [type(each) for each in outcomes] == [type(None), RuntimeError, RuntimeError]
    assert stored(peer, queue) == []


async def test_what_could_not_be_settled_can_be_tried_again(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given an event that could not be completed, When it is abandoned, Then that is tried."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.put_forward(31)
        with pytest.raises(TransientError, match="cannot complete"):
            await received.complete()
        with pytest.raises(TransientError, match="cannot abandon"):
            await received.abandon()
