"""A line of channels: who delivers what at the closing, who comes back, and what is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import BufferOptions, ReloadResult, TransientError
from experimentframework_core._plane.overview import Ended
from experimentframework_core.testing import FaultyBackplane, Hang, make_exposure
from tests.core._planes import check_accounts, in_virtual_time
from tests.core.plane._scene import Scene, publish, until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from experimentframework_core import DataPlane
    from experimentframework_core._channel.channel import Channel
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane

HOUR = 3_600_000


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_former_destination_that_hangs_leaves_time_for_the_new_one(
    kind: str, tmp_path: Path
) -> None:
    """Given a delivery that hangs for ever, when the plane closes, the new destination has all."""
    hang = Hang()
    scene = Scene(old=FaultyBackplane(afterwards=hang), new=FaultyBackplane())
    buffer = BufferOptions(type="disk", path=str(tmp_path)) if kind == "disk" else BufferOptions()

    async def main() -> DataPlane:
        async with scene.plane("old", buffer=buffer) as plane:
            await publish(plane, 1)
            await hang.started.wait()
            await plane.reload(scene.options("new", buffer=buffer))
            await publish(plane, 2, 3)
        check_accounts(plane)
        return plane

    plane = in_virtual_time(main())

    assert scene.subjects("new") == ["1", "2", "3"]
    assert plane.closing is not None
    assert (plane.closing.remaining, plane.closing.kept) == (0, 0)


def test_several_that_hang_leave_time_for_the_newest() -> None:
    """Given two changeovers in which nothing moves, when it closes, the newest has all in order."""
    hang = Hang()
    scene = Scene(
        a=FaultyBackplane(afterwards=hang), b=FaultyBackplane(afterwards=hang), c=FaultyBackplane()
    )

    async def main() -> None:
        async with scene.plane("a") as plane:
            await publish(plane, 1)
            await hang.started.wait()
            await plane.reload(scene.options("b"))
            await publish(plane, 2)
            await plane.reload(scene.options("c"))
            await publish(plane, 3)

    in_virtual_time(main())

    assert scene.subjects("c") == ["1", "2", "3"]


def test_the_closing_ends_in_time_although_all_hang() -> None:
    """Given destinations that all hang, when the plane closes, then it keeps to its time."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane(afterwards=hang), b=FaultyBackplane(afterwards=hang))

    async def main() -> float:
        time = asyncio.get_running_loop().time
        async with scene.plane("a", shutdown_timeout_ms=1000) as plane:
            await publish(plane, 1)
            await hang.started.wait()
            await plane.reload(scene.options("b", shutdown_timeout_ms=1000))
            await publish(plane, 2)
            begun = time()
        check_accounts(plane)
        return time() - begun

    assert in_virtual_time(main()) < 1.5


async def test_a_backplane_that_comes_back_keeps_its_order() -> None:
    """Given a removed backplane with events left, when it comes back, these are delivered first."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane(), b=FaultyBackplane([hang]))

    async with scene.plane(batch_size=1) as plane:
        await publish(plane, 1, 2)
        await hang.started.wait()
        await plane.reload(scene.options("a", batch_size=1))
        result = await plane.reload(scene.options(batch_size=1))
        await publish(plane, 3)
        health = (await plane.health()).diagnostics["b"]
        asyncio.get_running_loop().call_later(0.1, hang.release)
        await plane.flush(10)
        check_accounts(plane)

    assert result == ReloadResult(kept=("a",), added=("b",))
    assert health.diagnostics["before_reload"] == 2
    assert scene.subjects("b") == ["1", "2", "3"]


def test_one_that_comes_back_has_the_time_of_a_replaced_one() -> None:
    """Given a removed backplane that is down, when it comes back mended, then it loses nothing."""
    is_down = True

    async def fault(inner: Backplane, batch: Sequence[Record]) -> None:
        if is_down:
            raise TransientError("no route")
        await inner.deliver(batch)

    scene = Scene(a=FaultyBackplane(), b=FaultyBackplane(afterwards=fault))

    async def main() -> None:
        nonlocal is_down
        async with scene.plane() as plane:
            await publish(plane, 1)
            await asyncio.sleep(1)
            await plane.reload(scene.options("a"))
            await asyncio.sleep(1)
            await plane.reload(scene.options())
            await publish(plane, 2)
            await asyncio.sleep(60)
            is_down = False
            await plane.flush(HOUR)
            check_accounts(plane)

    in_virtual_time(main())

    assert scene.subjects("b") == ["1", "2"]


async def test_a_backplane_may_go_and_come_again_and_again() -> None:
    """Given a backplane that goes and comes several times, when it works, then all is in order."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane(), b=FaultyBackplane([hang]))

    async with scene.plane() as plane:
        await publish(plane, 1)
        await hang.started.wait()
        for number in (2, 3, 4):
            await plane.reload(scene.options("a"))
            await plane.reload(scene.options())
            await publish(plane, number)
        await plane.reload(scene.options("a"))
        hang.release()
        await until(lambda: len(plane._works._all_lines) == 1)
        check_accounts(plane)

    assert scene.subjects("b") == ["1", "2", "3", "4"]


async def test_empty_journals_of_a_changeover_go_with_the_closing(tmp_path: Path) -> None:
    """Given several changeovers on their way, when the plane closes, one folder is left."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane([hang]))
    buffer = BufferOptions(type="disk", path=str(tmp_path))

    async with scene.plane(buffer=buffer) as plane:
        await publish(plane, 1)
        await hang.started.wait()
        for number in (2, 3, 4):
            await plane.reload(scene.options(buffer=buffer, batch_size=number))
            await publish(plane, number)
        asyncio.get_running_loop().call_soon(hang.release)

    assert scene.subjects("a") == ["1", "2", "3", "4"]
    assert len(list(tmp_path.glob("*/*"))) == 1


async def test_no_count_goes_back_while_a_channel_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a channel that ends, when statistics are read meanwhile, it counts just once."""
    scene = Scene(a=FaultyBackplane())
    plane = scene.plane()
    seen: list[int] = []
    add = Ended.add

    def look() -> None:
        seen.append(plane.statistics().backplanes["a"].delivered)

    def watched(ended: Ended, channel: Channel, *, remove: Callable[[], object]) -> None:
        def looked_at() -> None:
            look()
            remove()
            look()

        look()
        add(ended, channel, remove=looked_at)
        look()

    monkeypatch.setattr(Ended, "add", watched)
    async with plane:
        await plane.publish(make_exposure(), ack="delivered")
        await plane.reload(scene.options(batch_size=7))
        await until(lambda: len(seen) == 4)

    assert seen == [1, 1, 1, 1]


def test_who_reads_while_a_channel_is_taken_over_reads_again() -> None:
    """Given counts that change while they are read, when they are read, then it begins anew."""
    looks: list[Sequence[Any]] = []
    ended = Ended()

    def channels() -> Sequence[Any]:
        looks.append(())
        if len(looks) == 1:
            ended._state = {}, None
        return ()

    assert ended.with_those_of(channels) == {}
    assert len(looks) == 2
