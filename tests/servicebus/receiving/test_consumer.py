"""A consumer loses nothing to kills, cuts, hangs and cancellations, and says what went wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from experimentframework_core.errors import TransientError
from experimentframework_core.testing import make_records
from experimentframework_servicebus import Consumer, ServiceBusOptions, receive
from tests.servicebus._wire import LEAKS, deliver, ids, options_of, stored
from tests.servicebus.receiving._events import PATIENCE, names, some

if TYPE_CHECKING:
    from experimentframework_servicebus._receiving.link import Link
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


class _Link:
    """A link to which two events come when they are told to."""

    usable = True

    def __init__(self) -> None:
        self.asked, self.comes = asyncio.Event(), asyncio.Event()

    async def open(self) -> bool:
        return True

    async def take(self, _most: int, _wait: float, _end: float) -> list[str]:
        self.asked.set()
        await self.comes.wait()
        return ["first", "second"]


def consume_and_kill(peer: ServiceBusPeer, queue: str) -> bytes:
    """Run a consumer in a process until it has received, kill it, and return what it said."""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.servicebus.receiving._consumer",
            peer.connection_string(),
            queue,
        ],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
    ) as consumer:
        assert consumer.stdout is not None
        said = consumer.stdout.readline()
        consumer.kill()
    return said


async def test_a_consumer_that_was_killed_gets_them_again(peer: ServiceBusPeer, queue: str) -> None:
    """Given a consumer killed between receive and complete, When locks are over, Then they come."""
    options, records = options_of(peer, queue), make_records(4)
    await deliver(options, records)
    assert consume_and_kill(peer, queue) == b"3\n"
    peer.put_forward(31)

    async with receive(options, max_wait=PATIENCE) as events:
        received = await some(events, 3)

    assert sorted(names(received)) == sorted(ids(records[1:]))
    assert sorted(each.deliveries for each in received) == [0, 1, 1]


async def test_the_next_call_returns_what_a_cancelled_one_received() -> None:
    """Given a batch is cancelled, When two events come, Then the next calls return them."""
    link = _Link()
    options = ServiceBusOptions(queue_name="events")
    consumer = Consumer(lambda _: cast("Link", link), options, session=None, max_wait=None)
    waiting = asyncio.create_task(consumer.batch(2))
    await link.asked.wait()
    waiting.cancel()
    await asyncio.wait((waiting,))

    link.comes.set()
    batches: list[object] = [await consumer.batch(1), await consumer.batch(1)]

    assert batches == [["first"], ["second"]]


@pytest.mark.parametrize("max_wait", [1, None])
async def test_a_service_that_hangs_is_not_taken_for_an_empty_queue(
    peer: ServiceBusPeer, queue: str, max_wait: float | None
) -> None:
    """Given a service that hangs, When an event is waited for, Then it is told, not none."""
    options = options_of(peer, queue, send_timeout_ms=2_000)

    async with asyncio.timeout(PATIENCE), receive(options, max_wait=max_wait) as events:
        peer.hang()
        with pytest.raises(TransientError, match=f"from '{queue}': no answer in time"):
            await events.batch()


async def test_an_empty_queue_is_no_failure(peer: ServiceBusPeer, queue: str) -> None:
    """Given an empty queue, When an event is waited for, Then there is none, and one later."""
    options, records = options_of(peer, queue), make_records(1)

    async with receive(options, max_wait=0.5) as events:
        none = await events.batch()
        await deliver(options, records)
        one = await events.batch()

    assert (none, names(one)) == ([], ids(records))


async def test_a_cut_connection_is_told_and_gone_on_with(peer: ServiceBusPeer, queue: str) -> None:
    """Given a connection is cut, When events are received on, Then what came can be completed."""
    options, records = options_of(peer, queue), make_records(2)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        first = await anext(events)
        peer.cut()
        with pytest.raises(TransientError, match=f"cannot receive from '{queue}': "):
            await anext(events)
        second = await anext(events)
        await events.complete([first, second])

    assert names([first, second]) == ids(records)
    assert stored(peer, queue) == []


async def test_a_service_that_hangs_holds_up_nobody(peer: ServiceBusPeer, queue: str) -> None:
    """Given a service that says nothing more, When it is completed and closed, Then both end."""
    options = options_of(peer, queue, send_timeout_ms=2_500)
    await deliver(options_of(peer, queue), make_records(1))

    async with asyncio.timeout(PATIENCE), receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.hang()
        with pytest.raises(TransientError, match="no answer in time"):
            await received.complete()


@pytest.mark.parametrize(
    ("most", "kind", "message"),
    [
        (0, ValueError, "most is 0; expected at least 1"),
        (None, TypeError, "most is None; expected a number of events"),
        ("x", TypeError, "most is 'x'; expected a number of events"),
    ],
)
async def test_a_batch_has_a_size(
    peer: ServiceBusPeer, queue: str, most: int, kind: type[Exception], message: str
) -> None:
    """Given a consumer, When the size of a batch is none, Then it says so."""
    async with receive(options_of(peer, queue)) as events:
        with pytest.raises(kind, match=message):
            await events.batch(most)
