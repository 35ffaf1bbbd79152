"""Reloading: what stays, what is replaced, what is refused, and how it is counted."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import (
    BackplaneOptions,
    BufferOptions,
    ConfigurationError,
    DataPlane,
    DataPlaneClosedError,
    HealthStatus,
    InvalidEventError,
    JournalError,
    PiiRedactionOptions,
    ReloadResult,
)
from experimentframework_core._plane.routing import Router
from experimentframework_core.testing import FaultyBackplane, make_exposure, make_outcome
from tests.core._planes import check_accounts, envelopes, options
from tests.core.plane._scene import Scene, publish, until

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_backplane_with_the_same_settings_goes_on_untouched() -> None:
    """Given other rules and the same backplane, when reloaded, then its channel is the same."""
    scene = Scene(a=FaultyBackplane())

    async with scene.plane() as plane:
        await plane.publish(make_exposure(), ack="delivered")
        channels = list(plane._works.channels)
        result = await plane.reload(scene.options(enable_outcome_events=False, ack="delivered"))
        after = list(plane._works.channels)

    assert result == ReloadResult(kept=("a",))
    assert after == channels
    assert scene.backplanes.opened == ["a"]


async def test_the_rules_change_between_two_publishes() -> None:
    """Given a toggle, a redaction and a limit, when reloaded, then they hold at once."""
    faulty = FaultyBackplane()
    scene = Scene(a=faulty)

    async with scene.plane() as plane:
        await plane.publish(make_outcome())
        await plane.publish(make_exposure(subject_id="u-1"))
        redaction = PiiRedactionOptions(redact_subject_ids=True)
        await plane.reload(scene.options(enable_outcome_events=False, pii_redaction=redaction))
        filtered = await plane.publish(make_outcome())
        await plane.publish(make_exposure(subject_id="u-1"))
        await plane.reload(scene.options(max_event_bytes=10))
        with pytest.raises(InvalidEventError):
            await plane.publish(make_exposure())
        await plane.flush()
        check_accounts(plane)

    assert filtered.reason == "toggle"
    subjects = [getattr(each.payload, "subject_id", None) for each in envelopes(faulty)]
    assert subjects[1:] == ["u-1", "[REDACTED]"]


async def test_a_default_acknowledgement_changes_too() -> None:
    """Given another `ack`, when reloaded, then a bare publish waits for it."""
    scene = Scene(a=FaultyBackplane())

    async with scene.plane() as plane:
        before = await plane.publish(make_exposure())
        await plane.reload(scene.options(ack="delivered"))
        after = await plane.publish(make_exposure())

    assert (before.status, after.status) == ("accepted", "delivered")


async def test_a_backplane_is_added_and_taken_away() -> None:
    """Given one backplane, when a second comes and goes, then it has what came in between."""
    scene = Scene(a=FaultyBackplane(), b=FaultyBackplane())

    async with scene.plane("a") as plane:
        await publish(plane, 1)
        added = await plane.reload(scene.options("a", "b"))
        await publish(plane, 2)
        removed = await plane.reload(scene.options("a"))
        await publish(plane, 3)
        await plane.flush()
        await until(lambda: "b" in scene.backplanes.closed)
        names = set((await plane.health()).diagnostics)
        statistics = plane.statistics()
        check_accounts(plane)

    assert added == ReloadResult(kept=("a",), added=("b",))
    assert removed == ReloadResult(kept=("a",), removed=("b",))
    assert (scene.subjects("a"), scene.subjects("b")) == (["1", "2", "3"], ["2"])
    assert names == {"a"}
    assert statistics.backplanes["b"].delivered == 1
    assert scene.backplanes.opened == ["a", "b"]


async def test_other_event_types_need_no_other_channel() -> None:
    """Given `events` of a backplane, when they change, then it goes on with the others."""
    scene = Scene(a=FaultyBackplane())
    node = scene.backplanes.node("a", events=("exposure",))

    async with scene.plane() as plane:
        result = await plane.reload(scene.options(backplane=node))
        outcome = await plane.publish(make_outcome())
        exposure = await plane.publish(make_exposure())

    assert result.kept == ("a",)
    assert (outcome.reason, exposure.status) == ("unrouted", "accepted")


async def test_a_bad_configuration_changes_nothing_and_is_told() -> None:
    """Given options with two errors, when reloaded, then both are raised and health says one."""
    scene = Scene(a=FaultyBackplane())
    bad = scene.options(sampling_salt="x" * 100, ack="durable")

    async with scene.plane() as plane:
        channels = list(plane._works.channels)
        with pytest.raises(ConfigurationError) as raised:
            await plane.reload(bad)
        refused = await plane.health()
        await publish(plane, 1)
        unchanged = list(plane._works.channels) == channels
        await plane.reload(scene.options())
        good = await plane.health()

    assert len(raised.value.problems) == 2
    assert unchanged
    assert refused.status is HealthStatus.DEGRADED
    assert refused.refused_reload is not None
    assert refused.refused_reload.problem.startswith("dataPlane.samplingSalt: 100 bytes")
    assert refused.refused_reload.problem in refused.description
    assert (good.status, good.refused_reload) == (HealthStatus.HEALTHY, None)
    assert scene.subjects("a") == ["1"]


async def test_a_journal_that_cannot_be_opened_refuses_the_reload(tmp_path: Path) -> None:
    """Given a disk buffer where a file is, when reloaded, the old goes on and health says why."""
    scene = Scene(a=FaultyBackplane(), b=FaultyBackplane())
    (tmp_path / "file").touch()
    wrong = BufferOptions(type="disk", path=str(tmp_path / "file" / "x"))

    async with scene.plane("a") as plane:
        with pytest.raises(JournalError):
            await plane.reload(scene.options("a", "b", buffer=wrong))
        health = await plane.health()
        await publish(plane, 1)
        await plane.flush()

    assert health.refused_reload is not None
    assert str(tmp_path) in health.refused_reload.problem
    assert scene.subjects("a") == ["1"]
    assert scene.backplanes.opened == ["a"]


async def test_reloads_come_one_after_the_other() -> None:
    """Given three reloads at once, when all have ended, then the last one's options hold."""
    scene = Scene(a=FaultyBackplane())

    async with scene.plane() as plane:
        reloads = [plane.reload(scene.options(batch_size=size)) for size in (2, 3, 4)]
        results = await asyncio.gather(*reloads)
        await publish(plane, 1)
        await plane.flush()
        size = plane.options.batch_size

    assert [result.replaced for result in results] == [("a",)] * 3
    assert size == 4
    assert scene.subjects("a") == ["1"]


async def test_reloads_do_not_wait_for_the_executor_of_the_application(tmp_path: Path) -> None:
    """Given a default executor without a free thread, when reloaded to a disk, then it is done."""
    scene = Scene(a=FaultyBackplane())
    disk = BufferOptions(type="disk", path=str(tmp_path))
    end = threading.Event()
    executor = ThreadPoolExecutor(1)
    executor.submit(end.wait)
    asyncio.get_running_loop().set_default_executor(executor)

    try:
        async with asyncio.timeout(30), scene.plane() as plane:
            await plane.reload(scene.options(buffer=disk))
            receipt = await plane.publish(make_exposure(), ack="durable")
            await plane.reload(scene.options())
            await plane.flush()
            await until(lambda: not list(tmp_path.glob("*/*")))
    finally:
        end.set()

    assert receipt.status == "durable"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_plane_that_is_not_open_is_not_reloaded(when: str) -> None:
    """Given a plane before or after its time, when it is reloaded, then that is refused."""
    scene = Scene(a=FaultyBackplane())
    plane = scene.plane()
    if when == "after":
        async with plane:
            pass

    with pytest.raises(DataPlaneClosedError, match=r"not open|closed"):
        await plane.reload(scene.options())


async def test_a_plane_without_files_needs_options() -> None:
    """Given a plane made from options, when it is to read its files, then the error says how."""
    scene = Scene(a=FaultyBackplane())

    async with scene.plane() as plane:
        with pytest.raises(ValueError, match="give reload\\(\\) the new options"):
            await plane.reload()


async def test_no_count_goes_back_at_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given accepted events, when statistics are read amid a reload, each is counted once."""
    scene = Scene(a=FaultyBackplane())
    seen: list[int] = []

    async with scene.plane() as plane:
        for name in ("stop_watching", "watch"):
            monkeypatch.setattr(Router, name, lambda _: seen.append(plane.statistics().accepted))
        await publish(plane, 1, 2)
        await plane.reload(scene.options(enable_outcome_events=False))
        await publish(plane, 3)
        await plane.reload(scene.options())
        accepted = plane.statistics().accepted_by_type

    assert seen[:4] == [2, 2, 3, 3]
    assert accepted == {"exposure": 3}


async def test_two_single_backplanes_of_other_types_follow_each_other() -> None:
    """Given a backplane without a name, when one of another type comes, then it replaces it."""
    node = BackplaneOptions(type="inMemory")

    async with DataPlane(options(backplane=node)) as plane:
        await publish(plane, 1)
        other = BackplaneOptions(type="logging")
        result = await plane.reload(options(backplane=other))
        await publish(plane, 2)
        await plane.flush()
        delivered = {name: each.delivered for name, each in plane.statistics().backplanes.items()}

    assert result == ReloadResult(replaced=("logging",))
    assert delivered == {"inMemory": 1, "logging": 1}
