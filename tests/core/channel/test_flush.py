"""A flush covers exactly what was accepted before it, and says what remains."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._tasks import spawn
from experimentframework_core.errors import PartialBatchError, TransientError
from experimentframework_core.testing import FaultyBackplane, Hang, Sink, fail, slow
from tests.core._channels import ids, make, make_many

if TYPE_CHECKING:
    from tests.core.channel.conftest import Workshop


async def test_does_not_wait_for_a_batch_to_fill(open_channel: Workshop) -> None:
    """Given a long flushIntervalMs, when a flush is asked for, then it delivers at once."""
    channel = open_channel(FaultyBackplane(), flush_interval_ms=3_600_000)
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    channel.offer(make("a"))

    result = await channel.flush(None)

    assert (result.delivered, result.remaining, result.timed_out) == (1, 0, False)
    assert asyncio.get_running_loop().time() == began


async def test_of_nothing_ends_at_once(open_channel: Workshop) -> None:
    """Given nothing queued, when the destination is not even open, then a flush has no work."""
    channel = open_channel(FaultyBackplane())

    result = await channel.flush(None)

    assert (result.delivered, result.remaining, result.timed_out) == (0, 0, False)


async def test_does_not_wait_for_what_came_later(open_channel: Workshop) -> None:
    """Given a stream that never ends, when a flush is asked for, then it ends all the same."""
    sink = Sink()
    channel = open_channel(FaultyBackplane(inner=sink, afterwards=slow(0.01)), batch_size=10)

    async def stream() -> None:
        for number in range(100_000):
            channel.offer(make(number))
            await asyncio.sleep(0.001)

    streaming = spawn(stream(), name="stream")
    await asyncio.sleep(0.1005)
    accepted = channel.statistics().enqueued
    result = await channel.flush(None)
    delivered = len(sink.records)
    streaming.cancel()

    assert ids(sink.records[:accepted]) == [str(number) for number in range(accepted)]
    assert accepted <= delivered <= accepted + 20
    assert not result.timed_out


async def test_waits_for_parked_records(open_channel: Workshop) -> None:
    """Given a record that waits for another attempt, then a flush waits for it."""
    later = PartialBatchError({0: TransientError("later", retry_after=100)})
    channel = open_channel(FaultyBackplane([fail(later)]))
    channel.offer(make("a"))
    began = asyncio.get_running_loop().time()

    result = await channel.flush(None)

    assert result.delivered == 1
    assert asyncio.get_running_loop().time() - began >= 100


async def test_counts_what_remains_of_its_own(open_channel: Workshop) -> None:
    """Given a stuck delivery, when the time runs out, then later records are not counted."""
    hang = Hang()
    channel = open_channel(FaultyBackplane([hang]), batch_size=2)
    for record in make_many("abc"):
        channel.offer(record)

    flushing = spawn(channel.flush(5), name="flush")
    await asyncio.sleep(1)
    for record in make_many("def"):
        channel.offer(record)
    result = await flushing
    hang.release()

    assert (result.delivered, result.remaining, result.timed_out) == (0, 3, True)


async def test_a_cancelled_flush_leaves_no_hurry(open_channel: Workshop) -> None:
    """Given a flush that was cancelled, then batches fill as before."""
    hang = Hang()
    faulty = FaultyBackplane([hang])
    channel = open_channel(faulty)
    channel.offer(make("a"))
    flushing = spawn(channel.flush(None), name="flush")
    await hang.started.wait()

    flushing.cancel()
    await asyncio.wait((flushing,))
    hang.release()
    await asyncio.sleep(0.1)
    channel.offer(make("b"))
    await asyncio.sleep(0.1)
    channel.offer(make("c"))
    await asyncio.sleep(2)

    assert [ids(call.batch) for call in faulty.calls] == [["a"], ["b", "c"]]


async def test_several_flushes_at_once(open_channel: Workshop) -> None:
    """Given flushes that overlap, then each ends when its own records are settled."""
    channel = open_channel(FaultyBackplane(afterwards=slow(1)), batch_size=1)
    order: list[str] = []

    async def flush_after(name: str) -> None:
        channel.offer(make(name))
        await channel.flush(None)
        order.append(name)

    await asyncio.gather(*map(flush_after, "abc"))

    assert order == list("abc")


async def test_covers_evicted_records(open_channel: Workshop) -> None:
    """Given a flush under way, when what it waits for is evicted, then it ends."""
    hang = Hang()
    channel = open_channel(
        FaultyBackplane([hang]),
        batch_size=1,
        buffer={"max_events": 2, "when_full": "dropOldest"},
    )
    for record in make_many("ab"):
        channel.offer(record)
    flushing = spawn(channel.flush(None), name="flush")
    await hang.started.wait()

    channel.room.put_nowait(make("c"))
    hang.release()
    result = await flushing

    assert not result.timed_out


async def test_ends_when_the_channel_closes(open_channel: Workshop) -> None:
    """Given a flush without a timeout, when the channel closes unsettled, then it ends."""
    channel = open_channel(FaultyBackplane([Hang()]))
    channel.offer(make("a"))
    flushing = spawn(channel.flush(None), name="flush")
    await asyncio.sleep(1)

    await channel.close(1)

    await asyncio.wait_for(flushing, 1)
