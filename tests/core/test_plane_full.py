"""Publishing into a full buffer: dropped by its policy, or waiting for room."""

from __future__ import annotations

import asyncio

import pytest

from experimentframework_core import BufferFullError, DataPlane
from experimentframework_core.testing import FaultyBackplane, Hang, make_exposure
from tests.core._planes import in_virtual_time, opened, sunk
from tests.core._publishing import publish_by, small


@pytest.mark.parametrize("way", ["publish", "publish_nowait", "publish_threadsafe"])
@pytest.mark.parametrize(
    ("policy", "arrived"), [("dropNewest", ["0", "1"]), ("dropOldest", ["3", "4"])]
)
async def test_a_full_buffer_drops_by_its_policy(way: str, policy: str, arrived: list[str]) -> None:
    """Given room for two before a lane that has begun nothing, when five come, two arrive."""
    faulty = FaultyBackplane()
    settings = {"buffer": small(policy), "flush_interval_ms": 60_000, "batch_size": 1000}
    receipts = []

    async with opened(faulty.plugin([None]), **settings) as plane:
        for number in range(5):
            event = make_exposure(subject_id=str(number))
            receipts.append(await publish_by(plane, way, event))

    delivered = [record.subject for record in sunk(faulty)]
    (channel,) = plane.statistics().backplanes.values()
    assert channel.enqueued == 5
    assert len(delivered) + channel.dropped.get("buffer_full", 0) == 5
    if way == "publish_nowait":
        assert delivered == arrived
        statuses = [receipt.status for receipt in receipts]
        dropped = [("dropped", "buffer_full")] * 3
        assert statuses[:2] == ["accepted"] * 2
        if policy == "dropNewest":
            assert [(each.status, each.reason) for each in receipts[2:]] == dropped


def test_a_blocking_buffer_makes_publish_wait_for_room() -> None:
    """Given block, when the destination frees room in time, then publish goes on."""

    async def scenario() -> list[str | None]:
        hang = Hang()
        faulty = FaultyBackplane([hang])
        async with opened(faulty, buffer=small("block"), flush_interval_ms=1) as plane:
            for number in range(2):
                await plane.publish(make_exposure(subject_id=str(number)))
            await hang.started.wait()
            waiting = asyncio.ensure_future(plane.publish(make_exposure(subject_id="2")))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            hang.release()
            await waiting
        return [record.subject for record in sunk(faulty)]

    assert in_virtual_time(scenario()) == ["0", "1", "2"]


def test_a_blocking_buffer_that_stays_full_raises() -> None:
    """Given block, when no room comes in time, then each way in raises BufferFullError."""

    async def scenario() -> DataPlane:
        hang = Hang()
        async with opened(
            FaultyBackplane([hang]), buffer=small("block", 700), flush_interval_ms=1
        ) as plane:
            for _ in range(2):
                await plane.publish(make_exposure())
            await hang.started.wait()
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(BufferFullError, match=r"0\.7 s") as caught:
                await plane.publish(make_exposure())
            assert loop.time() - began == pytest.approx(0.7)
            assert caught.value.backplane == "FaultyBackplane"
            with pytest.raises(BufferFullError):
                plane.publish_nowait(make_exposure())
            hang.release()
        return plane

    statistics = in_virtual_time(scenario()).statistics()

    assert (statistics.rejected, statistics.accepted) == (2, 2)


def test_a_cancelled_wait_for_room_is_accounted() -> None:
    """Given a publish that waits for room, when it is cancelled, then no count is lost."""

    async def scenario() -> DataPlane:
        hang = Hang()
        async with opened(
            FaultyBackplane([hang]), buffer=small("block"), flush_interval_ms=1
        ) as plane:
            for _ in range(2):
                await plane.publish(make_exposure())
            await hang.started.wait()
            waiting = asyncio.ensure_future(plane.publish(make_exposure()))
            await asyncio.sleep(0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            hang.release()
        return plane

    statistics = in_virtual_time(scenario()).statistics()

    assert (statistics.published, statistics.rejected) == (3, 1)
