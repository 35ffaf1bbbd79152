"""Several destinations side by side: one's trouble does not touch the others."""

from __future__ import annotations

import asyncio

import pytest

from experimentframework_core import BufferOptions, DataPlane
from experimentframework_core.errors import PermanentError, TransientError
from experimentframework_core.testing import (
    Fault,
    FaultyBackplane,
    Hang,
    fail,
    make_exposure,
    refuse,
)
from tests.core._planes import Backplanes, in_virtual_time, opened, sunk


async def publish(plane: DataPlane, count: int = 20) -> None:
    for number in range(count):
        await plane.publish(make_exposure(subject_id=str(number)))


@pytest.mark.parametrize("trouble", ["hangs", "fails", "ignores its cancellation"])
def test_the_others_are_neither_delayed_nor_lost(trouble: str) -> None:
    """Given a destination in trouble, when events are published, the other has them at once."""

    async def scenario() -> tuple[float, int, DataPlane]:
        faults: dict[str, Fault] = {
            "hangs": Hang(),
            "fails": fail(TransientError("down")),
            "ignores its cancellation": Hang(stubborn=10_000),
        }
        bad, good = FaultyBackplane(afterwards=faults[trouble]), FaultyBackplane()
        backplanes = Backplanes(bad=bad, good=good)
        loop = asyncio.get_running_loop()
        async with opened(
            backplanes.plugin,
            backplane=backplanes.group("composite"),
            flush_interval_ms=100,
            shutdown_timeout_ms=1000,
        ) as plane:
            began = loop.time()
            await publish(plane)
            await asyncio.sleep(0.2)
            took, arrived = good.calls[0].at - began, len(sunk(good))
        fault = faults[trouble]
        if isinstance(fault, Hang):
            fault.release()
        return took, arrived, plane

    took, arrived, plane = in_virtual_time(scenario())

    assert arrived == 20
    assert took <= 0.11
    channels = plane.statistics().backplanes
    assert channels["good"].delivered == 20
    assert (channels["bad"].delivered, channels["bad"].dropped) == (0, {"shutdown": 20})


async def test_each_channel_has_its_own_buffer_and_accounts() -> None:
    """Given a small buffer at one node, when it is full, then only that channel drops."""
    hang = Hang()
    narrow, wide = FaultyBackplane([hang]), FaultyBackplane()
    backplanes = Backplanes(narrow=narrow, wide=wide)
    node = backplanes.group(
        "composite",
        backplanes.node("narrow", buffer=BufferOptions(max_events=5)),
        backplanes.node("wide"),
    )

    async with opened(backplanes.plugin, backplane=node, flush_interval_ms=1) as plane:
        receipts = [await plane.publish(make_exposure()) for _ in range(20)]
        await hang.started.wait()
        hang.release()

    channels = plane.statistics().backplanes
    assert {receipt.status for receipt in receipts} == {"accepted"}
    assert plane.statistics().accepted == 20
    assert channels["wide"].delivered == 20
    assert (channels["narrow"].enqueued, channels["narrow"].dropped["buffer_full"]) == (20, 15)
    assert channels["narrow"].delivered == 5


async def test_a_record_refused_by_one_is_delivered_by_the_other() -> None:
    """Given one destination that refuses an event, when published, then the other has them all."""
    picky = FaultyBackplane(afterwards=refuse(lambda record: record.subject == "7"))
    easy = FaultyBackplane()
    backplanes = Backplanes(picky=picky, easy=easy)

    async with opened(backplanes.plugin, backplane=backplanes.group("composite")) as plane:
        await publish(plane)

    assert len(sunk(easy)) == 20
    assert [r.subject for r in sunk(picky)] == [str(n) for n in range(20) if n != 7]
    assert plane.statistics().backplanes["picky"].dropped == {"refused": 1}


async def test_all_destinations_get_the_same_bytes() -> None:
    """Given two destinations, when an event is published, then both have the same record."""
    backplanes = Backplanes(a=FaultyBackplane(), b=FaultyBackplane())
    one, other = backplanes._backplanes.values()
    assert isinstance(one, FaultyBackplane)
    assert isinstance(other, FaultyBackplane)

    async with opened(backplanes.plugin, backplane=backplanes.group("composite")) as plane:
        await publish(plane, 3)

    assert sunk(one) == sunk(other)
    assert backplanes.opened == backplanes.closed == ["a", "b"]


async def test_settings_of_a_node_are_its_own() -> None:
    """Given a batch size at one node, when events are published, then the other keeps its own."""
    ones, all_at_once = FaultyBackplane(), FaultyBackplane()
    backplanes = Backplanes(ones=ones, rest=all_at_once)
    node = backplanes.group(
        "composite", backplanes.node("ones", batch_size=1), backplanes.node("rest")
    )

    async with opened(backplanes.plugin, backplane=node, flush_interval_ms=60_000) as plane:
        await publish(plane, 10)

    assert {len(call.batch) for call in ones.calls} == {1}
    assert [len(call.batch) for call in all_at_once.calls] == [10]


async def test_a_permanently_refusing_destination_leaves_the_others_alone() -> None:
    """Given a destination that refuses everything, when published, then the other has it all."""
    backplanes = Backplanes(
        never=FaultyBackplane(afterwards=fail(PermanentError("no"))), good=FaultyBackplane()
    )

    async with opened(backplanes.plugin, backplane=backplanes.group("composite")) as plane:
        await publish(plane)

    assert plane.statistics().backplanes["good"].delivered == 20
    assert plane.statistics().backplanes["never"].dropped == {"refused": 20}
