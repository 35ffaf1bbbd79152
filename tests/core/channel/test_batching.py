"""When a batch is due: by count, by bytes, by time, and never later than the buffer is full."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core.testing import FaultyBackplane
from tests.core._channels import ids, make, make_many

if TYPE_CHECKING:
    from tests.core.channel.conftest import Workshop


def sizes(faulty: FaultyBackplane) -> list[int]:
    return [len(call.batch) for call in faulty.calls]


async def test_a_batch_is_due_by_count(open_channel: Workshop) -> None:
    """Given batchSize 3, when seven are queued, then two batches leave at once, one later."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty, batch_size=3)
    began = asyncio.get_running_loop().time()

    for record in make_many(range(7)):
        channel.offer(record)
    await channel.flush(None)

    assert sizes(faulty) == [3, 3, 1]
    assert faulty.calls[1].at == began


async def test_a_batch_is_due_by_bytes(open_channel: Workshop) -> None:
    """Given batchBytes 250, when bodies of 100 are queued, then two go in each batch, at once."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty, batch_bytes=250)
    began = asyncio.get_running_loop().time()

    for number in range(6):
        channel.offer(make(number, size=100))
    await asyncio.sleep(0.001)

    assert sizes(faulty) == [2, 2]
    assert faulty.calls[-1].at == began


async def test_a_record_larger_than_a_batch_goes_alone(open_channel: Workshop) -> None:
    """Given batchBytes 100, when a body of 300 is queued, then it is delivered all the same."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty, batch_bytes=100)

    channel.offer(make("large", size=300))
    channel.offer(make("small", size=60))
    await channel.flush(None)

    assert [ids(call.batch) for call in faulty.calls] == [["large"], ["small"]]


async def test_a_batch_is_due_by_time(open_channel: Workshop) -> None:
    """Given flushIntervalMs 1000, when one is queued, then it leaves a second later, not before."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty)
    await asyncio.sleep(5)
    began = asyncio.get_running_loop().time()

    channel.offer(make("a"))
    await asyncio.sleep(0.5)
    channel.offer(make("b"))
    await asyncio.sleep(2)

    assert [(ids(call.batch), round(call.at - began, 3)) for call in faulty.calls] == [
        (["a", "b"], 1.0)
    ]


async def test_a_batch_is_due_before_a_small_buffer_is_full(open_channel: Workshop) -> None:
    """Given a buffer smaller than a batch, when it fills, then nothing waits for the interval."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty, buffer={"max_events": 10})
    await asyncio.sleep(0)
    taken = 0

    for number in range(40):
        taken += bool(channel.offer(make(number)))
        await asyncio.sleep(0.001)

    assert taken == 40


async def test_many_lanes_do_not_fill_the_buffer_before_one_is_due(open_channel: Workshop) -> None:
    """Given more lanes times batchSize than buffer, when keys spread, then no record is lost."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty, concurrency=8, buffer={"max_events": 400})
    await asyncio.sleep(0)
    taken = 0

    for number in range(2000):
        taken += bool(channel.offer(make(number, f"key-{number % 64}")))
        if number % 50 == 0:
            await asyncio.sleep(0.001)

    assert taken == 2000


async def test_an_idle_channel_delivers_nothing(open_channel: Workshop) -> None:
    """Given nothing queued, when an hour passes, then the backplane is open and never called."""
    faulty = FaultyBackplane()
    open_channel(faulty)

    await asyncio.sleep(3600)

    assert (faulty.opened, faulty.calls) == (1, [])


async def test_delivers_what_was_queued_before_the_start(open_channel: Workshop) -> None:
    """Given records queued before the lane has run, then they are delivered."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty)

    channel.offer(make("early"))
    result = await channel.flush(None)

    assert (result.delivered, result.remaining, result.timed_out) == (1, 0, False)
