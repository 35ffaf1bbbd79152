"""Events older than maxAgeMs: given up wherever they wait, and counted."""

from __future__ import annotations

import asyncio
from itertools import repeat
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import DeliveryError, PartialBatchError, TransientError
from experimentframework_core.testing import FaultyBackplane, Sink, fail
from tests.core._channels import LettersInMemory, ids, make

if TYPE_CHECKING:
    from tests.core.channel.conftest import Workshop

AGE = {"max_age_ms": 60_000}


async def test_events_expire_in_retry_and_in_the_queue(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given an outage longer than maxAgeMs, then what is too old expires, the rest arrives."""
    sink = Sink()
    faulty = FaultyBackplane(repeat(fail(TransientError("down")), 50), inner=sink)
    channel = open_channel(faulty, retry=AGE, batch_size=2)
    for name in "abc":
        channel.offer(make(name))
    ack = channel.ack("c")
    await asyncio.sleep(50)
    channel.offer(make("young"))
    await asyncio.sleep(12)
    expired = channel.statistics().expired

    faulty._script = iter(())
    await channel.flush(None)

    assert expired == 3
    assert (ids(sink.records), letters.letters) == (["young"], [])
    with pytest.raises(DeliveryError, match="c expired"):
        await ack


async def test_events_expire_while_their_key_is_parked(open_channel: Workshop) -> None:
    """Given a key that fails for now, when its record is too old, then it expires in time."""
    later = PartialBatchError({0: TransientError("later", retry_after=3600)})
    channel = open_channel(FaultyBackplane([fail(later)]), retry=AGE)
    channel.offer(make("a"))

    await channel.flush(63)

    assert channel.statistics().expired == 1


async def test_young_events_do_not_expire(open_channel: Workshop) -> None:
    """Given maxAgeMs, when deliveries work, then nothing expires."""
    channel = open_channel(FaultyBackplane(), retry=AGE)

    for number in range(200):
        channel.offer(make(number))
        await asyncio.sleep(1)
    await channel.flush(None)

    assert (channel.statistics().delivered, channel.statistics().expired) == (200, 0)


async def test_the_oldest_age_is_told(open_channel: Workshop) -> None:
    """Given an outage, when statistics are asked for, then they tell the age of the oldest."""
    channel = open_channel(FaultyBackplane(repeat(fail(TransientError("down")), 20)))
    channel.offer(make("a"))
    await asyncio.sleep(30)
    channel.offer(make("b"))

    age = channel.statistics().oldest_age
    await channel.flush(None)

    assert age == pytest.approx(30, abs=1)
    assert channel.statistics().oldest_age == 0.0
