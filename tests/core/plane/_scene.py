"""Parts for tests of reloads: an open plane of named backplanes, and what has arrived at each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from experimentframework_core import DataPlane
from experimentframework_core.testing import make_exposure
from tests.core._planes import Backplanes, options, sunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core import DataPlaneOptions
    from experimentframework_core.testing import FaultyBackplane

QUICK = {"flush_interval_ms": 1}


class Scene:
    """An open plane of named backplanes, and what has arrived at each."""

    def __init__(self, **backplanes: FaultyBackplane) -> None:
        self.backplanes = Backplanes(**backplanes)
        self._faulty = backplanes

    def options(self, *names: str, **settings: Any) -> DataPlaneOptions:
        """Return options with the backplanes of these names; with all, when none is named."""
        nodes = [self.backplanes.node(name) for name in names or self._faulty]
        node = nodes[0] if len(nodes) == 1 else self.backplanes.group("composite", *nodes)
        return options(**{**QUICK, "backplane": node, **settings})

    def plane(self, *names: str, **settings: Any) -> DataPlane:
        """Return a plane that is not open."""
        return DataPlane(self.options(*names, **settings), backplane=self.backplanes.plugin)

    def subjects(self, name: str) -> list[str | None]:
        """Return the subjects that have arrived, in order."""
        return [record.subject for record in sunk(self._faulty[name])]


async def publish(plane: DataPlane, *numbers: int) -> None:
    """Publish exposures of these subjects."""
    for number in numbers:
        await plane.publish(make_exposure(subject_id=str(number)))


async def until(true: Callable[[], bool]) -> None:
    """Return when that is so."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - it becomes true in many ways
            await asyncio.sleep(0.005)
