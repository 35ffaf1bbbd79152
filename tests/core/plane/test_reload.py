"""Reloading: what stays, what is replaced, in which order, and how all of it is counted."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core import (
    BackplaneOptions,
    BufferOptions,
    ConfigurationError,
    DataPlane,
    DataPlaneClosedError,
    DataPlaneOptions,
    DeadLetterOptions,
    DeliveryError,
    HealthStatus,
    InvalidEventError,
    JournalError,
    PermanentError,
    PiiRedactionOptions,
    Receipt,
    ReloadResult,
    TransientError,
)
from experimentframework_core._plane.routing import Router
from experimentframework_core.config import DeadLetterStoreOptions
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    fail,
    make_exposure,
    make_outcome,
)
from tests.core._planes import check_accounts, envelopes, in_virtual_time, options, sunk
from tests.core.plane._scene import QUICK, Scene, publish, until

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


async def test_dead_letters_that_cannot_be_written_go_to_the_new_store(tmp_path: Path) -> None:
    """Given a dead-letter file in a wrong place, when a better one comes, then it takes them."""
    scene = Scene(a=FaultyBackplane([fail(PermanentError("bad"))]))
    (tmp_path / "file").touch()

    def letters(path: Path) -> dict[str, Any]:
        store = DeadLetterOptions(type="file", options=DeadLetterStoreOptions(path=str(path)))
        return {"on_failure": "deadLetter", "dead_letter": store}

    async with scene.plane(
        **letters(tmp_path / "file" / "x"), shutdown_timeout_ms=100, delivery_timeout_ms=500
    ) as plane:
        await publish(plane, 1)
        await plane.reload(scene.options(**letters(tmp_path / "good")))
        await publish(plane, 2)
        await plane.flush(10)
        statistics = plane.statistics().backplanes["a"]
        check_accounts(plane)

    assert (statistics.dead_lettered, statistics.delivered) == (1, 1)
    assert "bad" in (tmp_path / "good").read_text()


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


async def test_dead_letter_files_of_former_reloads_are_closed(tmp_path: Path) -> None:
    """Given files with letters, when others are named, then only the last one stays open."""
    scene = Scene(a=FaultyBackplane(afterwards=fail(PermanentError("bad"))))

    def letters(number: int) -> dict[str, Any]:
        path = str(tmp_path / str(number))
        store = DeadLetterOptions(type="file", options=DeadLetterStoreOptions(path=path))
        return {"on_failure": "deadLetter", "dead_letter": store}

    stores: list[Any] = []
    async with scene.plane(**letters(0)) as plane:
        for number in (1, 2, 3):
            await publish(plane, number)
            await plane.flush()
            stores.append(plane._works._lines[0].newest.store)
            await plane.reload(scene.options(**letters(number)))
        await until(lambda: all(store._closed for store in stores))
        await publish(plane, 4)
        await plane.flush()
        kept = list(plane._works._stores)

    assert kept == [tmp_path / "3"]
    assert (tmp_path / "3").read_text().count("bad") == 1


async def test_a_dead_letter_file_that_is_named_again_is_used_again(tmp_path: Path) -> None:
    """Given a file of dead letters, when it goes and comes back, then it has all of them."""
    scene = Scene(a=FaultyBackplane(afterwards=fail(PermanentError("bad"))))

    def letters(name: str) -> dict[str, Any]:
        path = str(tmp_path / name)
        store = DeadLetterOptions(options=DeadLetterStoreOptions(path=path))
        return {"on_failure": "deadLetter", "dead_letter": store}

    async with scene.plane(**letters("x")) as plane:
        for number, name in enumerate("yxx"):
            await publish(plane, number)
            await plane.flush()
            await plane.reload(scene.options(**letters(name), batch_size=number + 1))
        await publish(plane, 4)
        await plane.flush()
        check_accounts(plane)
        dead_lettered = plane.statistics().backplanes["a"].dead_lettered

    assert dead_lettered == 4


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
