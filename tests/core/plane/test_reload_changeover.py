"""A reload that replaces a backplane: what was accepted before is delivered before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core import (
    BufferOptions,
    DataPlane,
    DataPlaneOptions,
    DeliveryError,
    ReloadResult,
    TransientError,
)
from experimentframework_core.testing import FaultyBackplane, Hang, fail, make_exposure
from tests.core._planes import check_accounts, options, sunk
from tests.core.plane._scene import QUICK, Scene, publish, until

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_was_accepted_before_is_delivered_before() -> None:
    """Given a delivery that hangs, when its backplane is replaced, then the new one waits."""
    hang = Hang()
    faulty = FaultyBackplane([hang])
    scene = Scene(a=faulty)

    async with scene.plane(batch_size=2) as plane:
        await publish(plane, 1, 2, 3)
        await hang.started.wait()
        result = await plane.reload(scene.options(batch_size=10))
        await publish(plane, 4, 5)
        waiting = plane.statistics().backplanes["a"]
        opened = list(scene.backplanes.opened)
        hang.release()
        await plane.flush()
        check_accounts(plane)
        sums = plane.statistics()

    assert result == ReloadResult(replaced=("a",))
    assert (waiting.buffered, waiting.delivered) == (5, 0)
    assert opened == ["a"]
    assert scene.subjects("a") == ["1", "2", "3", "4", "5"]
    assert (sums.accepted, sums.backplanes["a"].delivered) == (5, 5)
    assert scene.backplanes.opened == ["a", "a"]


async def test_what_the_old_settings_cannot_deliver_the_new_ones_do() -> None:
    """Given a destination that is down, when another comes in its place, it gets all in order."""
    down = FaultyBackplane(afterwards=fail(TransientError("no route")))
    scene = Scene(down=down, up=FaultyBackplane())

    async with scene.plane("down", shutdown_timeout_ms=200) as plane:
        await publish(plane, 1, 2, 3)
        await plane.reload(scene.options("up"))
        await publish(plane, 4)
        await plane.flush(10)
        statistics = plane.statistics()
        check_accounts(plane)

    assert scene.subjects("up") == ["1", "2", "3", "4"]
    assert statistics.backplanes["down"].delivered == 3
    assert statistics.backplanes["up"].delivered == 1


async def test_a_destination_known_to_be_down_is_not_waited_for() -> None:
    """Given an open breaker and a long time to drain, when replaced, the new one soon has all."""
    down = FaultyBackplane(afterwards=fail(TransientError("no route")))
    scene = Scene(down=down, up=FaultyBackplane())
    breaker = msgspec.structs.replace(DataPlaneOptions().breaker, failure_threshold=1)

    async with scene.plane("down", shutdown_timeout_ms=60_000, breaker=breaker) as plane:
        await publish(plane, 1)
        await until(lambda: plane.statistics().backplanes["down"].retried > 0)
        await plane.reload(scene.options("up"))
        await publish(plane, 2)
        result = await plane.flush(10)

    assert not result.timed_out
    assert scene.subjects("up") == ["1", "2"]


async def test_a_second_reload_helps_where_the_first_was_wrong() -> None:
    """Given two destinations that are down, when a third comes, then it gets all in order."""
    faults = {name: FaultyBackplane(afterwards=fail(TransientError(name))) for name in ("a", "b")}
    scene = Scene(**faults, c=FaultyBackplane())

    async with scene.plane("a", shutdown_timeout_ms=50) as plane:
        for number, name in enumerate(("b", "c"), 1):
            await publish(plane, number)
            await plane.reload(scene.options(name, shutdown_timeout_ms=50))
        await publish(plane, 3)
        await plane.flush(10)
        check_accounts(plane)

    assert scene.subjects("c") == ["1", "2", "3"]


async def test_an_acknowledgement_survives_the_reload() -> None:
    """Given a publish that waits for its delivery, when the backplane is replaced, it gets it."""
    down = FaultyBackplane(afterwards=fail(TransientError("no route")))
    scene = Scene(down=down, up=FaultyBackplane())

    async with scene.plane("down", shutdown_timeout_ms=100) as plane:
        waiting = asyncio.ensure_future(plane.publish(make_exposure(), ack="delivered"))
        await until(lambda: plane.statistics().backplanes["down"].retried > 0)
        await plane.reload(scene.options("up"))
        receipt = await asyncio.wait_for(waiting, 30)

    assert receipt.status == "delivered"


async def test_a_publisher_that_waits_for_room_gets_in() -> None:
    """Given a full buffer that blocks, when the backplane is replaced, its waiters come first."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane([hang]))
    small = BufferOptions(max_events=1, when_full="block", block_timeout_ms=10_000)

    async with scene.plane(buffer=small) as plane:
        await publish(plane, 1)
        waiting = asyncio.ensure_future(publish(plane, 2))
        await hang.started.wait()
        await plane.reload(scene.options())
        await publish(plane, 3)
        hang.release()
        await waiting
        await plane.flush()
        check_accounts(plane)

    assert scene.subjects("a") == ["1", "2", "3"]


async def test_what_a_removed_backplane_cannot_deliver_is_counted_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given a backplane in memory that is down, when it is removed, then that ends, counted."""
    down = FaultyBackplane(afterwards=fail(TransientError("no route")))
    scene = Scene(a=FaultyBackplane(), down=down)

    async with scene.plane(shutdown_timeout_ms=100) as plane:
        await publish(plane, 1, 2)
        waiting = asyncio.ensure_future(plane.publish(make_exposure(), ack="delivered"))
        await asyncio.sleep(0)
        await plane.reload(scene.options("a"))
        with pytest.raises(DeliveryError):
            await waiting
        await until(lambda: plane.statistics().backplanes["down"].buffered == 0)
        statistics = plane.statistics().backplanes["down"]
        check_accounts(plane)

    assert statistics.dropped == {"shutdown": 3}
    assert "events_lost backplane='down' count=3" in caplog.text


async def test_a_removed_backplane_ends_although_it_was_just_replaced() -> None:
    """Given a backplane that is down and replaced, when it is removed, all it has ends in time."""
    down = FaultyBackplane(afterwards=fail(TransientError("no route")))
    scene = Scene(a=FaultyBackplane(), down=down)
    times = {"shutdown_timeout_ms": 100}

    async with scene.plane(**times) as plane:
        await publish(plane, 1)
        await plane.reload(scene.options(batch_size=7, **times))
        await publish(plane, 2)
        await plane.reload(scene.options("a", batch_size=7, **times))
        await until(lambda: plane.statistics().backplanes["down"].buffered == 0)
        check_accounts(plane)
        dropped = plane.statistics().backplanes["down"].dropped

    assert dropped == {"shutdown": 2}


@pytest.mark.parametrize("there", ["memory", "disk", "overflow"])
@pytest.mark.parametrize("here", ["memory", "disk", "overflow"])
async def test_the_buffer_changes_its_kind(here: str, there: str, tmp_path: Path) -> None:
    """Given events in a buffer of one kind, when another comes, then the order is kept."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane([hang]))
    kinds = {
        "memory": BufferOptions(),
        "disk": BufferOptions(type="disk", path=str(tmp_path)),
        "overflow": BufferOptions(when_full="overflow", max_events=1, path=str(tmp_path)),
    }

    async with scene.plane(buffer=kinds[here]) as plane:
        await publish(plane, 1, 2)
        await hang.started.wait()
        await plane.reload(scene.options(buffer=kinds[there], batch_size=1))
        await publish(plane, 3, 4)
        hang.release()
        await plane.flush()
        check_accounts(plane)
        folders = list(tmp_path.glob("*/*"))

    assert scene.subjects("a") == ["1", "2", "3", "4"]
    assert len(folders) == (there != "memory")


async def test_a_durable_event_is_on_disk_although_the_old_channel_hangs(tmp_path: Path) -> None:
    """Given an old channel with events left, when an event is durable, it does not wait for it."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane([hang]))
    buffer = BufferOptions(type="disk", path=str(tmp_path))

    async with scene.plane(buffer=buffer) as plane:
        await publish(plane, 1)
        await hang.started.wait()
        await plane.reload(scene.options(buffer=buffer, batch_size=1))
        async with asyncio.timeout(30):
            receipt = await plane.publish(make_exposure(subject_id="2"), ack="durable")
        hang.release()
        await plane.flush()

    assert receipt.status == "durable"
    assert scene.subjects("a") == ["1", "2"]


async def test_an_object_of_the_application_is_never_called_twice_at_once() -> None:
    """Given a backplane object, when it is reloaded with other settings, the same goes on."""
    hang = Hang()
    faulty = FaultyBackplane([hang])

    async with DataPlane(options(**QUICK, batch_size=1), backplane=faulty) as plane:
        await publish(plane, 1, 2)
        await hang.started.wait()
        result = await plane.reload(options(**QUICK))
        await publish(plane, 3)
        hang.release()
        await plane.flush()

    assert result.replaced == ("FaultyBackplane",)
    assert [record.subject for record in sunk(faulty)] == ["1", "2", "3"]
