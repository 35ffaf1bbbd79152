"""Closing drains, keeps its deadline whatever the plugin does, and counts what is lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import repeat
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._channel.channel import close_all
from experimentframework_core._tasks import spawn
from experimentframework_core.errors import DeliveryError, TransientError
from experimentframework_core.testing import FaultyBackplane, Hang, Sink, fail, slow
from tests.core._channels import ids, make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core.testing import Fault
    from tests.core.channel.conftest import Workshop


async def test_drains(open_channel: Workshop) -> None:
    """Given queued records, when the channel closes, then all are delivered without waiting."""
    sink = Sink()
    faulty = FaultyBackplane(inner=sink)
    channel = open_channel(faulty)
    began = asyncio.get_running_loop().time()
    for number in range(1234):
        channel.offer(make(number))

    result = await channel.close(10)

    assert (result.delivered, result.remaining, result.timed_out) == (1234, 0, False)
    assert ids(sink.records) == [str(number) for number in range(1234)]
    assert (faulty.opened, faulty.closed) == (1, 1)
    assert asyncio.get_running_loop().time() == began


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Hang, id="hangs"),
        pytest.param(lambda: Hang(stubborn=99), id="hangs and ignores its cancellation"),
        pytest.param(lambda: fail(TransientError("down")), id="is down"),
        pytest.param(lambda: slow(4.9), id="is slow"),
    ],
)
async def test_keeps_its_deadline(open_channel: Workshop, fault: object) -> None:
    """Given 10,000 queued and a broker in trouble, then close returns in time, with the counts."""
    made: Fault = fault()  # type: ignore[operator]
    channel = open_channel(FaultyBackplane(repeat(made)))
    for number in range(10_000):
        channel.offer(make(number))
    await asyncio.sleep(2)
    delivered = channel.statistics().delivered
    began = asyncio.get_running_loop().time()

    result = await channel.close(5)

    assert 5 <= asyncio.get_running_loop().time() - began <= 5.25
    assert result.timed_out
    assert result.delivered + result.remaining + delivered == 10_000
    assert channel.statistics().dropped == {"shutdown": result.remaining}
    if isinstance(made, Hang):
        made.release()


async def test_tells_who_waits_for_what_is_lost(open_channel: Workshop) -> None:
    """Given an awaited acknowledgement, when its record is lost at the end, then it fails."""
    channel = open_channel(FaultyBackplane([Hang()]))
    ack = channel.ack("a")
    channel.offer(make("a"))

    await channel.close(1)

    with pytest.raises(DeliveryError, match=r"dropped \(shutdown\)"):
        await ack


async def test_twice_does_nothing_more(open_channel: Workshop) -> None:
    """Given a closed channel, when it is closed again, then nothing is counted twice."""
    channel = open_channel(FaultyBackplane([fail(TransientError("down"))] * 50), batch_size=2)
    for number in range(5):
        channel.offer(make(number))

    first = await channel.close(1)
    second = await channel.close(1)

    assert first.remaining == 5
    assert (second.delivered, second.remaining, second.timed_out) == (0, 0, False)
    assert channel.statistics().dropped == {"shutdown": 5}


async def test_that_is_cancelled_still_counts(open_channel: Workshop) -> None:
    """Given a close that waits, when it is cancelled, then the lanes end and losses are counted."""
    channel = open_channel(FaultyBackplane([Hang()]))
    channel.offer(make("a"))
    closing = spawn(channel.close(60), name="close")
    await asyncio.sleep(1)

    closing.cancel()
    await asyncio.wait((closing,))

    assert closing.cancelled()
    assert channel.statistics().dropped == {"shutdown": 1}


async def test_of_a_channel_that_never_opened(open_channel: Workshop) -> None:
    """Given a backplane that cannot be opened, when nothing is queued, then close is quick."""
    channel = open_channel(Unclosable())
    began = asyncio.get_running_loop().time()

    await channel.close(5)

    assert asyncio.get_running_loop().time() == began


class Unclosable(Sink):
    """A destination whose connection hangs when it is closed, and ignores its cancellation."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()

    @asynccontextmanager
    async def open(self, _context: object) -> AsyncIterator[Unclosable]:
        yield self
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue


async def test_of_a_plugin_that_hangs_in_closing(
    open_channel: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a plugin whose closing hangs, then all is delivered and close keeps its deadline."""
    stuck = Unclosable()
    channel = with_opener(open_channel, stuck)
    channel.offer(make("a"))
    await asyncio.sleep(2)
    began = asyncio.get_running_loop().time()

    result = await channel.close(5)
    took = asyncio.get_running_loop().time() - began
    stuck.released.set()

    assert result.remaining == 0
    assert took <= 5.25
    assert ids(stuck.records) == ["a"]
    assert "close_failed" in caplog.text


async def test_of_a_plugin_that_raises_in_closing(
    open_channel: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a plugin whose closing raises, then it is logged and nothing else happens."""
    channel = with_opener(open_channel, Breaks())
    channel.offer(make("a"))
    await asyncio.sleep(2)

    result = await channel.close(5)

    assert not result.timed_out
    assert "OSError: connection reset" in caplog.text


class Breaks(Sink):
    @asynccontextmanager
    async def open(self, _context: object) -> AsyncIterator[Breaks]:
        yield self
        raise OSError("connection reset")


async def test_side_by_side(open_channel: Workshop) -> None:
    """Given two channels in trouble, then both close by the same deadline."""
    channels = [open_channel(FaultyBackplane([Hang()])) for _ in range(2)]
    for channel in channels:
        channel.offer(make("a"))
    await asyncio.sleep(2)
    began = asyncio.get_running_loop().time()

    await close_all(channels, 3)

    assert [each.closing and each.closing.remaining for each in channels] == [1, 1]
    assert asyncio.get_running_loop().time() - began <= 3.25


async def test_of_a_channel_that_was_never_started(open_channel: Workshop) -> None:
    """Given records and no time at all, then everything is counted as lost."""
    channel = open_channel(FaultyBackplane())
    for number in range(3):
        channel.offer(make(number))

    result = await channel.close(0)

    assert result.delivered + result.remaining == 3


def with_opener(open_channel: Workshop, backplane: Unclosable | Breaks) -> Channel:
    channel = open_channel(backplane)
    channel._lanes[0]._opener = backplane.open
    return channel


async def test_closing_while_the_backplane_opens_does_not_wait(open_channel: Workshop) -> None:
    """Given a channel without events, when it closes while it opens, then it closes at once."""
    channel = open_channel(FaultyBackplane())
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(0)

    result = await channel.close(10)

    assert not result.timed_out
    assert asyncio.get_running_loop().time() == began


async def test_closing_tries_once_more(open_channel: Workshop) -> None:
    """Given a broker that healed while the breaker is open, when closing, then all is delivered."""
    faulty = FaultyBackplane([fail(TransientError("down"))])
    slow_to_probe = {"failure_threshold": 1, "open_ms": 60_000, "max_open_ms": 60_000}
    channel = open_channel(faulty, breaker=slow_to_probe, retry={"max_delay_ms": 60_000})
    channel.offer(make("a"))
    await asyncio.sleep(2)

    result = await channel.close(1)

    assert (result.delivered, result.remaining) == (1, 0)
