"""Statistics have the fates of each event type."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import BufferOptions, DataPlane, Envelope, TypeStatistics
from experimentframework_core.errors import PartialBatchError, PermanentError
from experimentframework_core.testing import (
    FaultyBackplane,
    fail,
    make_envelope,
    make_exposure,
    make_outcome,
)
from tests.core._planes import opened, options

if TYPE_CHECKING:
    from experimentframework_core import Statistics


async def test_each_type_has_its_own_fates() -> None:
    """Given a refused exposure and a delivered outcome, when asked, then each is with its type."""
    faulty = FaultyBackplane([fail(PartialBatchError({0: PermanentError("no")}))])

    async with opened(faulty) as plane:
        await plane.publish(make_exposure())
        await plane.publish(make_outcome())
        await plane.flush()
        (channel,) = plane.statistics().backplanes.values()

    assert channel.by_type == {
        "exposure": TypeStatistics(dropped={"refused": 1}),
        "outcome": TypeStatistics(delivered=1),
    }


async def test_types_that_are_not_registered_are_one() -> None:
    """Given envelopes of types that nobody registered, when asked, then they are one row."""
    async with opened(FaultyBackplane()) as plane:
        for name in ("made.up", "made.up.too"):
            envelope = make_envelope()
            unknown = Envelope(
                event_id=f"0193b3a1-0000-7000-8000-00000000000{len(name) % 10}",
                timestamp=envelope.timestamp,
                event_type=name,
                schema_version="1.0.0",
                payload={"a": 1},
            )
            await plane.publish(unknown)
        await plane.flush()
        (channel,) = plane.statistics().backplanes.values()

    assert channel.by_type == {"(unregistered)": TypeStatistics(delivered=2)}


@pytest.mark.parametrize("size", [100, 1_000])
async def test_the_limits_are_told(size: int) -> None:
    """Given a buffer's limits, when statistics are asked for, then they are there."""
    buffer = BufferOptions(max_events=size, max_bytes=size * 1_000)

    async with opened(FaultyBackplane(), buffer=buffer) as plane:
        (channel,) = plane.statistics().backplanes.values()

    assert (channel.max_events, channel.max_bytes) == (size, size * 1_000)


async def test_another_thread_may_ask() -> None:
    """Given a thread that asks, when the loop waits for it, then it gets what there is."""
    found: list[Statistics] = []
    async with DataPlane(options(), backplane=FaultyBackplane()) as plane:
        await plane.publish(make_exposure())

        thread = threading.Thread(target=lambda: found.append(plane.statistics()))
        thread.start()
        thread.join()

    (channel,) = found[0].backplanes.values()
    assert channel.buffered == 1
    assert channel.oldest_age >= 0
