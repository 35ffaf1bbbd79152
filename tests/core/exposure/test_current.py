"""The current plane is the request's, else the only one that is open."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane, DataPlaneClosedError
from experimentframework_core._exposure.current import serving
from experimentframework_core.exposure import current_plane
from experimentframework_core.testing import Sink

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_the_only_open_plane_is_meant() -> None:
    """Given planes before, while and after they are open, When asked, Then the open one is."""
    DataPlane(backplane=Sink())
    async with DataPlane(backplane=Sink()):
        pass
    async with DataPlane(backplane=Sink()) as plane:
        found = current_plane()

    assert found is plane


async def test_it_is_found_in_threads() -> None:
    async with DataPlane(backplane=Sink()) as plane:
        found = await asyncio.to_thread(current_plane)

    assert found is plane


async def test_no_plane_is_said() -> None:
    async with DataPlane(backplane=Sink()):
        pass

    with pytest.raises(DataPlaneClosedError, match="no DataPlane is open in this process: open"):
        current_plane()


async def test_of_several_one_must_be_named() -> None:
    said = r"2 DataPlanes are open .* plane=.* PlaneMiddleware .* SubjectMiddleware"

    async with DataPlane(backplane=Sink()), DataPlane(backplane=Sink()):
        with pytest.raises(DataPlaneClosedError, match=said):
            current_plane()


async def test_the_one_that_serves_is_meant() -> None:
    """Given two planes, When one serves here, Then it is meant, also in what is started here."""
    async with DataPlane(backplane=Sink()) as one, DataPlane(backplane=Sink()):
        with serving(one):
            found = [current_plane(), await asyncio.to_thread(current_plane)]

    assert found == [one, one]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_forked_child_has_none() -> None:
    """Given an open plane, When the process forks, Then the child has no current plane."""
    async with DataPlane(backplane=Sink()):
        status = in_child(current_plane)

    assert status == 0


def in_child(looked_for: Callable[[], object]) -> int:
    """Return 0 if what is looked for in a forked child is not there."""
    child = os.fork()
    if not child:
        try:
            looked_for()
        except DataPlaneClosedError:
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1]
