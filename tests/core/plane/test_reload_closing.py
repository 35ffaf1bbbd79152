"""A plane that closes while a reload, or what follows from one, is on its way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import BufferOptions, DataPlane, DataPlaneClosedError
from experimentframework_core.testing import FaultyBackplane, Hang
from tests.core._planes import check_accounts, in_virtual_time
from tests.core.plane._scene import Scene, publish

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_is_not_drained_when_the_plane_closes_goes_before_the_rest() -> None:
    """Given a changeover on its way, when the plane closes, then all is delivered in order."""
    hang = Hang()
    scene = Scene(a=FaultyBackplane([hang]))

    async with scene.plane(batch_size=1) as plane:
        await publish(plane, 1, 2)
        await hang.started.wait()
        await plane.reload(scene.options())
        await publish(plane, 3)
        asyncio.get_running_loop().call_later(0.2, hang.release)

    assert scene.subjects("a") == ["1", "2", "3"]
    assert plane.closing is not None
    assert (plane.closing.remaining, plane.closing.timed_out) == (0, False)
    check_accounts(plane)


async def test_closing_wins_over_a_reload_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a reload that is opening its journal, when the plane closes, then it is given up."""
    scene = Scene(a=FaultyBackplane())
    disk = scene.options(buffer=BufferOptions(type="disk", path=str(tmp_path)))
    opening, go_on = asyncio.Event(), asyncio.Event()
    plane = scene.plane()
    await plane.__aenter__()
    works = plane._works
    opened = works._open_places

    async def slowly(fresh: Any) -> Any:
        opening.set()
        await go_on.wait()
        return await opened(fresh)

    monkeypatch.setattr(works, "_open_places", slowly)
    reload = asyncio.ensure_future(plane.reload(disk))
    await opening.wait()
    closing = asyncio.ensure_future(plane.aclose())
    await asyncio.sleep(0)
    go_on.set()

    with pytest.raises(DataPlaneClosedError, match="closed"):
        await reload
    await closing
    assert plane.options.buffer.type == "memory"
    check_accounts(plane)


def test_a_reload_that_hangs_leaves_the_time_of_the_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a reload whose disk hangs, when the plane closes, then what it has is delivered."""
    scene = Scene(a=FaultyBackplane())
    opening, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_fresh: Any) -> list[Any]:
        opening.set()
        await go_on.wait()
        return []

    async def main() -> DataPlane:
        async with scene.plane(flush_interval_ms=60_000) as plane:
            await publish(plane, 1)
            monkeypatch.setattr(plane._works, "_open_places", slowly)
            reload = asyncio.ensure_future(plane.reload(scene.options(batch_size=7)))
            await opening.wait()
        go_on.set()
        with pytest.raises(DataPlaneClosedError, match="closed during the reload"):
            await reload
        return plane

    plane = in_virtual_time(main())

    assert scene.subjects("a") == ["1"]
    assert plane.closing is not None
    assert plane.closing.remaining == 0
