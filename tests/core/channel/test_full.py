"""What happens to a record for which there is no room, under each policy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._tasks import spawn
from experimentframework_core.errors import BufferFullError, DataPlaneClosedError, DeliveryError
from experimentframework_core.testing import FaultyBackplane, Hang, Sink
from tests.core._channels import ids, make, make_many

if TYPE_CHECKING:
    from experimentframework_core._channel.channel import Channel
    from tests.core.channel.conftest import Workshop

BOUNDS = [
    pytest.param({"max_events": 4}, id="by count"),
    pytest.param({"max_bytes": 4 * 500 + 499}, id="by bytes"),
]


async def put(channel: Channel, name: object, *, size: int = 100) -> str | None:
    record = make(name, size=size)
    return None if channel.offer(record) else await channel.room.put(record)


async def in_flight(open_channel: Workshop, policy: str, bounds: dict[str, int]) -> Stuck:
    stuck = Stuck()
    buffer = {"when_full": policy, **bounds}
    stuck.channel = open_channel(stuck.faulty, buffer=buffer, batch_size=2)
    for name in ("a", "b"):
        assert await put(stuck.channel, name) is None
    await stuck.hang.started.wait()
    return stuck


class Stuck:
    """A channel whose first batch, of two records, is in flight until it is released."""

    channel: Channel

    def __init__(self) -> None:
        self.hang = Hang()
        self.sink = Sink()
        self.faulty = FaultyBackplane([self.hang], inner=self.sink)

    async def delivered(self) -> list[str]:
        self.hang.release()
        await self.channel.flush(None)
        return ids(self.sink.records)


@pytest.mark.parametrize("bounds", BOUNDS)
async def test_drop_newest(open_channel: Workshop, bounds: dict[str, int]) -> None:
    """Given a full buffer, when one more comes, then it is dropped and counted."""
    stuck = await in_flight(open_channel, "dropNewest", bounds)

    reasons = [await put(stuck.channel, name) for name in "cdef"]

    assert reasons == [None, None, "buffer_full", "buffer_full"]
    assert stuck.channel.statistics().dropped == {"buffer_full": 2}
    assert await stuck.delivered() == ["a", "b", "c", "d"]


async def test_room_that_came_meanwhile_is_taken_at_once(open_channel: Workshop) -> None:
    """Given a record that found no room, when it is put after room came, then it does not wait."""
    channel = open_channel(FaultyBackplane(), buffer={"when_full": "block", "max_events": 1})
    refused = make("b")
    channel.offer(make("a"))
    assert not channel.offer(refused)
    await channel.flush(None)

    async with asyncio.timeout(0.5):
        reason = await channel.room.put(refused)

    assert reason is None


@pytest.mark.parametrize("bounds", BOUNDS)
async def test_drop_oldest(open_channel: Workshop, bounds: dict[str, int]) -> None:
    """Given a full buffer, when one more comes, then the oldest not in flight makes room."""
    stuck = await in_flight(open_channel, "dropOldest", bounds)

    reasons = [await put(stuck.channel, name) for name in "cdef"]

    assert reasons == [None] * 4
    assert stuck.channel.statistics().dropped == {"buffer_full": 2}
    assert await stuck.delivered() == ["a", "b", "e", "f"]


async def test_drop_oldest_tells_who_waits_for_the_dropped(open_channel: Workshop) -> None:
    """Given an awaited acknowledgement, when its record is evicted, then it fails at once."""
    stuck = await in_flight(open_channel, "dropOldest", {"max_events": 3})
    ack = stuck.channel.ack("c")

    for name in "cd":
        await put(stuck.channel, name)

    with pytest.raises(DeliveryError, match=r"dropped \(buffer_full\)"):
        await ack


async def test_drop_oldest_with_everything_in_flight(open_channel: Workshop) -> None:
    """Given nothing but records in flight, when one more comes, then the newcomer is dropped."""
    stuck = await in_flight(open_channel, "dropOldest", {"max_events": 2})

    assert await put(stuck.channel, "c") == "buffer_full"
    assert await stuck.delivered() == ["a", "b"]


async def test_drop_oldest_evicts_nobody_in_vain(open_channel: Workshop) -> None:
    """Given a record that fits only without those in flight, then no other is dropped for it."""
    stuck = await in_flight(open_channel, "dropOldest", {"max_bytes": 2500})
    await put(stuck.channel, "c")

    assert await put(stuck.channel, "large", size=1500) == "buffer_full"
    assert await stuck.delivered() == ["a", "b", "c"]


@pytest.mark.parametrize("policy", ["dropNewest", "dropOldest"])
async def test_a_record_that_never_fits_is_dropped(open_channel: Workshop, policy: str) -> None:
    """Given a record larger than the buffer, then it is dropped and the others are delivered."""
    stuck = await in_flight(open_channel, policy, {"max_bytes": 2500})

    assert await put(stuck.channel, "huge", size=9000) == "buffer_full"
    assert await stuck.delivered() == ["a", "b"]


@pytest.mark.parametrize("bounds", BOUNDS)
async def test_block_waits_for_room_in_order(
    open_channel: Workshop, bounds: dict[str, int]
) -> None:
    """Given a full buffer, when several wait, then they get in as they came, and none is lost."""
    stuck = await in_flight(open_channel, "block", bounds)
    waiting = [spawn(put(stuck.channel, name), name=name) for name in "cdefgh"]
    await asyncio.sleep(0.5)
    assert [task.done() for task in waiting] == [True, True, False, False, False, False]

    stuck.hang.release()
    await asyncio.gather(*waiting)

    assert await stuck.delivered() == list("abcdefgh")


async def test_block_gives_up_after_its_time(open_channel: Workshop) -> None:
    """Given blockTimeoutMs 1000, when no room comes, then BufferFullError says so, and no more."""
    stuck = await in_flight(open_channel, "block", {"max_events": 2})
    began = asyncio.get_running_loop().time()

    with pytest.raises(BufferFullError, match="no room came within 1 s") as raised:
        await put(stuck.channel, "c")

    assert asyncio.get_running_loop().time() - began == pytest.approx(1)
    assert raised.value.backplane == "faulty"
    assert await stuck.delivered() == ["a", "b"]


async def test_block_raises_at_once_for_what_never_fits(open_channel: Workshop) -> None:
    """Given a record larger than the whole buffer, then nobody waits for room."""
    stuck = await in_flight(open_channel, "block", {"max_bytes": 2500})
    began = asyncio.get_running_loop().time()

    with pytest.raises(BufferFullError, match="9000 bytes never fits"):
        await put(stuck.channel, "huge", size=9000)

    assert asyncio.get_running_loop().time() == began


async def test_block_cannot_wait_without_await(open_channel: Workshop) -> None:
    """Given a full buffer, when put_nowait is called, then it raises."""
    stuck = await in_flight(open_channel, "block", {"max_events": 2})

    with pytest.raises(BufferFullError, match="publish_nowait"):
        stuck.channel.room.put_nowait(make("c"))


async def test_newcomers_do_not_pass_a_large_record_that_waits(open_channel: Workshop) -> None:
    """Given a large record that waits for room, when small ones come, then they line up behind."""
    stuck = await in_flight(open_channel, "block", {"max_bytes": 2500})
    large = spawn(put(stuck.channel, "large", size=1500), name="large")
    await asyncio.sleep(0)

    assert not stuck.channel.offer(make("small"))
    small = spawn(put(stuck.channel, "small"), name="small")
    await asyncio.sleep(0)
    stuck.hang.release()
    await asyncio.gather(large, small)

    assert await stuck.delivered() == ["a", "b", "large", "small"]


async def test_those_behind_a_large_record_get_in_when_it_gives_up(open_channel: Workshop) -> None:
    """Given small records behind a large one, when that one gives up, then they find room."""
    stuck = await in_flight(open_channel, "block", {"max_bytes": 2500})
    large = spawn(put(stuck.channel, "large", size=1900), name="large")
    await asyncio.sleep(0.5)
    small = spawn(put(stuck.channel, "small"), name="small")

    with pytest.raises(BufferFullError):
        await large
    await small

    assert stuck.channel.offer(make("another"))
    assert await stuck.delivered() == ["a", "b", "small", "another"]


async def test_a_cancelled_wait_leaves_no_trace(open_channel: Workshop) -> None:
    """Given a caller that waits, when it is cancelled, then its record is not delivered."""
    stuck = await in_flight(open_channel, "block", {"max_events": 2})
    waiting = spawn(put(stuck.channel, "c"), name="c")
    await asyncio.sleep(0.1)

    waiting.cancel()
    await asyncio.wait((waiting,))

    assert await stuck.delivered() == ["a", "b"]


async def test_those_who_wait_are_turned_away_by_the_closing(open_channel: Workshop) -> None:
    """Given callers that wait for room, when the channel closes, then they are told at once."""
    stuck = await in_flight(open_channel, "block", {"max_events": 2})
    waiting = spawn(put(stuck.channel, "c"), name="c")
    await asyncio.sleep(0.1)

    closing = spawn(stuck.channel.close(5), name="close")
    with pytest.raises(DataPlaneClosedError):
        await waiting
    stuck.hang.release()

    assert (await closing).delivered == 2
    with pytest.raises(DataPlaneClosedError):
        await stuck.channel.room.put(make("late"))


@pytest.mark.parametrize("policy", ["dropNewest", "dropOldest", "block"])
async def test_the_bounds_hold_for_what_is_in_flight_too(
    open_channel: Workshop, policy: str
) -> None:
    """Given a stuck delivery, when records pour in, then the buffer never passes its bounds."""
    stuck = await in_flight(open_channel, policy, {"max_events": 8, "max_bytes": 3600})

    attempts = [spawn(put(stuck.channel, number), name=str(number)) for number in range(50)]
    await asyncio.sleep(0.5)
    statistics = stuck.channel.statistics()

    assert statistics.buffered == 7
    assert statistics.buffered_bytes == 7 * 500
    await asyncio.gather(*attempts, return_exceptions=True)


async def test_refused_elsewhere_is_counted_here(open_channel: Workshop) -> None:
    """Given a record that other channels took, when this one could not, then it is dropped."""
    channel = open_channel(FaultyBackplane())

    channel.room.refuse(make_many("a")[0])

    assert channel.statistics().dropped == {"buffer_full": 1}


async def test_who_waits_for_room_in_a_removed_backplane_is_sent_away(
    open_channel: Workshop,
) -> None:
    """Given a publisher that waits for room, when it is dismissed, then its record is dropped."""
    stuck = await in_flight(open_channel, "block", {"max_events": 2})
    waiting = spawn(put(stuck.channel, "c"), name="test.waiting")
    await asyncio.sleep(0)

    stuck.channel.room.dismiss()

    assert await waiting == "removed"
    assert stuck.channel.statistics().dropped == {"removed": 1}
    assert await stuck.delivered() == ["a", "b"]
