"""Publishing without pause from tasks and threads while the plane is reloaded again and again."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane
from tests.core._planes import check_accounts
from tests.core.plane._storm import Storm, arrived, good, reload_often
from tests.peers.tally import LONG

if TYPE_CHECKING:
    from pathlib import Path


SEEDS = range(100 if LONG else 4)


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_event_arrives_once_and_in_order(seed: int, tmp_path: Path) -> None:
    """Given random reloads, when tasks and threads publish, all arrives once, in order, counted."""
    random = Random(seed)
    plane = DataPlane(good(random, tmp_path))

    async with plane:
        storm = Storm(plane, random)
        meanwhile = reload_often(plane, random, tmp_path, 12)
        await storm.run(tasks=2, threads=2, meanwhile=meanwhile)
        check_accounts(plane)
        result = await plane.flush(30)

    assert result.remaining == 0
    assert arrived(tmp_path, "main") == {
        name: each for name, each in storm.accepted.items() if each
    }
    check_accounts(plane)
    statistics = plane.statistics()
    assert statistics.accepted == sum(map(len, storm.accepted.values()))
    assert statistics.backplanes["main"].delivered == statistics.accepted
