"""Counters go on over a reload, and what comes after it is measured too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane
from experimentframework_core._metrics.measurement import Distribution
from experimentframework_core.errors import TransientError
from experimentframework_core.testing import FaultyBackplane, fail, make_exposure, make_outcome
from tests.core._planes import Backplanes, check_accounts, options

if TYPE_CHECKING:
    from collections.abc import Mapping


def values_of(plane: DataPlane) -> Mapping[tuple[str, ...], float]:
    """Return what is measured: by short name and attributes; of a histogram how many it saw."""
    return {
        (each.metric.name.removeprefix("experimentframework."), *each.attributes): (
            sum(each.value.counts) if isinstance(each.value, Distribution) else each.value
        )
        for each in plane.measurements()
    }


@pytest.mark.parametrize("change", [{"batch_size": 7}, {"flush_interval_ms": 2}])
async def test_counters_go_on(change: dict[str, int]) -> None:
    """Given a reload with other settings, when events pass before and after, all are counted."""
    backplanes = Backplanes(shop=FaultyBackplane())
    settings = {"backplane": backplanes.node("shop"), "flush_interval_ms": 1}

    async with DataPlane(options(**settings), backplane=backplanes.plugin) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        await plane.reload(options(**settings | change))
        await plane.publish(make_exposure(), ack="delivered")
        await plane.publish(make_outcome(), ack="delivered")
        found = values_of(plane)
        check_accounts(plane)

    assert found["events.delivered", "shop", "exposure"] == 2
    assert found["events.delivered", "shop", "outcome"] == 1
    assert found["batch.size", "shop"] == 3
    assert found["buffer.max_events", "shop"] == 10_000


async def test_what_the_former_settings_left_is_measured_by_the_new_ones() -> None:
    """Given events that the old channel could not deliver, when the new one does, it is told."""
    down = FaultyBackplane([fail(TransientError("down"), after=None)] * 3)
    backplanes = Backplanes(shop=down)
    settings = {"backplane": backplanes.node("shop"), "flush_interval_ms": 1}

    plane = DataPlane(options(**settings, shutdown_timeout_ms=50), backplane=backplanes.plugin)
    async with plane:
        await plane.publish(make_exposure())
        await plane.flush(0.01)
        await plane.reload(options(**settings, batch_size=7))
        await plane.publish(make_exposure(), ack="delivered")
        await plane.flush()
        found = values_of(plane)

    assert found["events.delivered", "shop", "exposure"] == 2
    assert found["delivery.duration", "shop", "failed"] >= 1
    assert found["delivery.duration", "shop", "delivered"] >= 1
