"""A consumer of sessions has one after another, each in its order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import TransientError
from experimentframework_core.testing import make_exposure, make_record
from experimentframework_servicebus import ServiceBusOptions, receive
from tests.servicebus._wire import LEAKS, deliver, ids, stored
from tests.servicebus.receiving._events import PATIENCE, names, some

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


def of_subjects(*subjects: str) -> list[Record]:
    """Return exposures of subjects."""
    return [make_record(make_exposure(subject_id=subject)) for subject in subjects]


async def test_sessions_come_one_after_another_each_in_order(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given events of two sessions by turns, When they are received, Then each is in order."""
    records = of_subjects("a", "b", "a", "b", "a")
    await deliver(sessions, records)

    async with receive(sessions, max_wait=PATIENCE) as events:
        received = []
        for _ in records:
            received.append(await anext(events))
            await received[-1].complete()

    assert [each.session for each in received] == ["a", "a", "a", "b", "b"]
    assert names(received) == ids([records[index] for index in (0, 2, 4, 1, 3)])
    assert stored(peer, str(sessions.queue_name)) == []


async def test_two_consumers_share_the_sessions(sessions: ServiceBusOptions) -> None:
    """Given two consumers, When one has a session, Then the other gets the other one."""
    await deliver(sessions, of_subjects("a", "a", "b", "b"))

    async with (
        receive(sessions, max_wait=PATIENCE) as some,
        receive(sessions, max_wait=PATIENCE) as others,
    ):
        first, other = await anext(some), await anext(others)
        second, another = await anext(some), await anext(others)

    assert {first.session, other.session} == {"a", "b"}
    assert (first.session, other.session) == (second.session, another.session)


async def test_a_session_can_be_chosen(sessions: ServiceBusOptions) -> None:
    """Given two sessions, When one is asked for, Then only its events come."""
    records = of_subjects("a", "b", "b")
    await deliver(sessions, records)

    async with receive(sessions, session="b", max_wait=PATIENCE) as events:
        received = await some(events, 2)

    assert names(received) == ids(records[1:])


async def test_a_session_that_somebody_has_is_told(
    sessions: ServiceBusOptions, entity: str
) -> None:
    """Given a session is taken, When it is asked for, Then that is for now."""
    await deliver(sessions, of_subjects("a"))

    async with (
        receive(sessions, max_wait=PATIENCE) as some,
        receive(sessions, session="a") as others,
    ):
        await anext(some)
        with pytest.raises(TransientError, match=f"'{entity}': somebody else has the session"):
            await anext(others)


async def test_no_session_is_no_event(sessions: ServiceBusOptions) -> None:
    """Given no session has events, When one is waited for, Then the wait ends in time."""
    async with receive(sessions, max_wait=1) as events:
        received = [each async for each in events]

    assert received == []


async def test_a_lost_session_is_told_and_comes_again(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given a connection cut in a session, When it is gone on, Then all that is left comes."""
    records = of_subjects("a", "a")
    await deliver(sessions, records)

    async with receive(sessions, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.cut()
        with pytest.raises(TransientError, match="cannot complete message"):
            await received.complete()
        with pytest.raises(TransientError, match="cannot receive from"):
            await anext(events)
        again = await some(events, 2)

    assert names(again) == ids(records)


async def test_a_session_can_be_kept_for_longer(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given a session of 30 s, When it is renewed after 20, Then it is kept after 40."""
    await deliver(sessions, of_subjects("a", "a"))

    async with receive(sessions, max_wait=PATIENCE) as events:
        received = await some(events, 2)
        peer.put_forward(20)
        await received[0].renew_lock()
        peer.put_forward(20)
        await events.complete(received)

    assert stored(peer, str(sessions.queue_name)) == []


async def test_cancelling_keeps_the_order_of_a_session(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given a session, When waiting is cancelled often, Then its events come in order, all."""
    records = of_subjects(*["a"] * 60)
    await deliver(sessions, records)
    patience = cycle([0.0002, 0.0005, 0.001, 0.0015, 0.003])

    async with receive(sessions, session="a", max_wait=PATIENCE) as events:
        received = [await anext(events)]
        while len(received) < len(records):
            with suppress(TimeoutError):
                received.append(await asyncio.wait_for(anext(events), next(patience)))
                await received[-1].complete()
        await received[0].complete()

    assert names(received) == ids(records)
    assert stored(peer, str(sessions.queue_name)) == []
