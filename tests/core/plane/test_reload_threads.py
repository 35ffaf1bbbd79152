"""Events of other threads that were admitted before a reload, and get in after it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import BufferOptions, Receipt
from experimentframework_core.testing import FaultyBackplane, make_exposure
from tests.core._planes import check_accounts
from tests.core.plane._scene import Scene, until

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_thread_that_was_admitted_before_gets_in_after() -> None:
    """Given an event admitted by former options, when its channel has ended, then the new takes."""
    scene = Scene(a=FaultyBackplane())

    async with scene.plane() as plane:
        admitted = plane._entrance.admit(make_exposure(subject_id="1"), None, None, "accepted")
        await plane.reload(scene.options(batch_size=7))
        await until(lambda: scene.backplanes.closed == ["a"])
        assert isinstance(admitted, tuple)
        route, record = admitted
        reserved = route.channels[0].buffer.reserve(record)
        receipt = await plane._entrance.enqueue(route, record, "accepted")
        await plane.flush()

    assert not reserved
    assert receipt.status == "accepted"
    assert scene.subjects("a") == ["1"]


async def test_an_event_that_is_not_wanted_any_more_is_filtered_late() -> None:
    """Given an event admitted by former options, when its type is off now, it is filtered."""
    scene = Scene(a=FaultyBackplane())

    async with scene.plane() as plane:
        admitted = plane._entrance.admit(make_exposure(), None, None, "accepted")
        await plane.reload(scene.options(batch_size=7, enable_exposure_events=False))
        assert isinstance(admitted, tuple)
        receipt = await plane._entrance.enqueue(*admitted, "accepted")

    assert (receipt.status, receipt.reason) == ("filtered", "toggle")


async def test_a_durable_event_of_a_thread_needs_the_disk_that_there_is_then(
    tmp_path: Path,
) -> None:
    """Given a durable event of a thread, when its disk is gone by then, then it is refused."""
    scene = Scene(a=FaultyBackplane())
    disk = BufferOptions(type="disk", path=str(tmp_path))

    async with scene.plane(buffer=disk) as plane:
        admitted = plane._entrance.admit(make_exposure(), None, None, "durable")
        await plane.reload(scene.options())
        assert isinstance(admitted, tuple)
        assert plane._works.doorway is not None
        with pytest.raises(ValueError, match="needs a buffer on disk"):
            await plane._works.doorway._count_and_enqueue(*admitted, "durable", [])
        check_accounts(plane)
        rejected = plane.statistics().rejected

    assert rejected == 1
    assert scene.subjects("a") == []


async def test_a_bare_publish_of_a_thread_waits_for_what_holds_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a default of durable, when it is another by then, then a bare publish goes by it."""
    scene = Scene(a=FaultyBackplane())
    disk = {"buffer": BufferOptions(type="disk", path=str(tmp_path)), "ack": "durable"}
    held, go_on = threading.Event(), threading.Event()

    async with scene.plane(**disk) as plane:
        doorway = plane._works.doorway
        assert doorway is not None
        wait_for = doorway._wait_for

        def later(*arguments: Any) -> Receipt:
            held.set()
            go_on.wait(10)
            return wait_for(*arguments)

        monkeypatch.setattr(doorway, "_wait_for", later)
        publishing = asyncio.create_task(
            asyncio.to_thread(plane.publish_threadsafe, make_exposure())
        )
        await until(held.is_set)
        await plane.reload(scene.options())
        go_on.set()
        receipt = await publishing

    assert receipt.status == "accepted"
