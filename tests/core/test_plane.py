"""The life of a data plane: nothing before it opens, everything delivered when it closes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import (
    BackplaneOptions,
    ConfigurationError,
    DataPlane,
    DataPlaneClosedError,
    DataPlaneOptions,
    HealthStatus,
    Statistics,
)
from experimentframework_core.errors import TransientError
from experimentframework_core.status import FlushResult
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    fail,
    make_exposure,
)
from tests.core._planes import (
    Backplanes,
    check_accounts,
    in_virtual_time,
    opened,
    options,
    sunk,
)
from tests.core.config.sample_plugins import find_plugin as find_courier

if TYPE_CHECKING:
    from pathlib import Path


def call(plane: DataPlane, name: str) -> Any:
    return getattr(plane, name)(make_exposure())


async def test_nothing_starts_when_a_plane_is_made() -> None:
    """Given a plugin, when a plane is made and thrown away, then nothing was opened or started."""
    backplanes = Backplanes(a=FaultyBackplane())
    before = asyncio.all_tasks()

    plane = DataPlane(options(backplane=backplanes.node("a")), backplane=backplanes.plugin)

    assert asyncio.all_tasks() == before
    assert backplanes.opened == []
    assert plane.statistics() == Statistics()
    assert plane.closing is None
    assert await plane.aclose() == FlushResult(0, 0, timed_out=False)


async def test_publish_before_it_is_open_is_refused() -> None:
    """Given a plane that is not open, when it is used, then the error says what to do."""
    plane = DataPlane(options(), backplane=FaultyBackplane())

    with pytest.raises(DataPlaneClosedError, match="async with"):
        await plane.publish(make_exposure())
    with pytest.raises(DataPlaneClosedError, match="async with"):
        plane.publish_nowait(make_exposure())
    with pytest.raises(DataPlaneClosedError, match="async with"):
        plane.publish_threadsafe(make_exposure())
    with pytest.raises(DataPlaneClosedError, match="async with"):
        await plane.flush()
    assert (await plane.health()).status is HealthStatus.UNHEALTHY


async def test_publish_after_it_has_closed_is_refused() -> None:
    """Given a closed plane, when it is used, then the error says so, and counts stay readable."""
    faulty = FaultyBackplane()
    async with opened(faulty) as plane:
        await plane.publish(make_exposure())

    with pytest.raises(DataPlaneClosedError, match="closed"):
        await plane.publish(make_exposure())
    with pytest.raises(DataPlaneClosedError, match="closed"):
        plane.publish_nowait(make_exposure())
    with pytest.raises(DataPlaneClosedError, match="closed"):
        await plane.flush()

    assert (await plane.health()).status is HealthStatus.UNHEALTHY
    assert plane.statistics().published == 1
    assert plane.statistics().backplanes["FaultyBackplane"].delivered == 1


async def test_a_plane_opens_once() -> None:
    """Given a plane that was open, when it is entered again, then it refuses."""
    plane = DataPlane(options(), backplane=FaultyBackplane())
    async with plane:
        with pytest.raises(DataPlaneClosedError, match="once"):
            await plane.__aenter__()

    with pytest.raises(DataPlaneClosedError, match="once"):
        await plane.__aenter__()


async def test_a_plane_that_was_closed_before_it_opened_stays_closed() -> None:
    """Given a plane that was closed unopened, when it is entered or used, then it refuses."""
    plane = DataPlane(options(), backplane=FaultyBackplane())
    first = await plane.aclose()

    with pytest.raises(DataPlaneClosedError, match="the plane is closed: make a new one"):
        await plane.__aenter__()
    with pytest.raises(DataPlaneClosedError, match="the plane is closed: make a new one"):
        await plane.publish(make_exposure())

    assert await plane.aclose() is first


async def test_another_loop_is_refused() -> None:
    """Given an open plane, when it is used on another loop, then each way in says so."""
    async with opened(FaultyBackplane()) as plane:

        async def elsewhere() -> list[str]:
            said = []
            for name in ("publish", "publish_nowait", "flush", "aclose"):
                try:
                    answer = (
                        call(plane, name) if name.startswith("publish") else getattr(plane, name)()
                    )
                    if asyncio.iscoroutine(answer):
                        await answer
                except DataPlaneClosedError as error:
                    said.append(str(error))
            return said

        said = await asyncio.to_thread(asyncio.run, elsewhere())

        receipt = await plane.publish(make_exposure())

    assert len(said) == 4
    assert all("another event loop" in each for each in said)
    assert receipt.status == "accepted"


async def test_publish_nowait_outside_a_loop_is_refused() -> None:
    """Given an open plane, when a thread without a loop calls publish_nowait, it is refused."""
    async with opened(FaultyBackplane()) as plane:

        def outside() -> str:
            with pytest.raises(DataPlaneClosedError) as caught:
                plane.publish_nowait(make_exposure())
            return str(caught.value)

        said = await asyncio.to_thread(outside)

    assert "publish_threadsafe" in said


async def test_leaving_delivers_everything() -> None:
    """Given events that wait for their batch, when the plane is left, then all have arrived."""
    faulty = FaultyBackplane()

    async with opened(faulty, flush_interval_ms=60_000, batch_size=1000) as plane:
        for _ in range(100):
            await plane.publish(make_exposure())

    assert len(sunk(faulty)) == 100
    assert plane.closing == FlushResult(100, 0, timed_out=False)


@pytest.mark.parametrize("error", [RuntimeError("body"), KeyboardInterrupt(), GeneratorExit()])
async def test_an_exception_in_the_body_still_drains(error: BaseException) -> None:
    """Given a body that raises, when the plane is left, then it drains and the error goes on."""
    faulty = FaultyBackplane()
    plane = DataPlane(options(), backplane=faulty)

    with pytest.raises(type(error)):  # noqa: PT012 - leaving is what is tested
        async with plane:
            await plane.publish(make_exposure())
            raise error

    assert len(sunk(faulty)) == 1
    check_accounts(plane)


async def test_cancellation_of_the_body_still_drains() -> None:
    """Given a body that is cancelled, when the plane is left, then everything is delivered."""
    faulty = FaultyBackplane()
    plane = DataPlane(options(), backplane=faulty)
    inside = asyncio.Event()

    async def body() -> None:
        async with plane:
            await plane.publish(make_exposure())
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(body())
    await inside.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(sunk(faulty)) == 1
    check_accounts(plane)


async def test_closing_twice_and_at_once_gives_one_result() -> None:
    """Given a slow drain, when it is closed three times, then all wait and say the same."""
    hang = Hang()
    plane = DataPlane(options(), backplane=FaultyBackplane([hang]))
    await plane.__aenter__()
    await plane.publish(make_exposure())

    closings = [asyncio.ensure_future(plane.aclose()) for _ in range(3)]
    await hang.started.wait()
    finished_early = [closing.done() for closing in closings]
    hang.release()
    results = await asyncio.gather(*closings)
    again = await plane.aclose()

    assert finished_early == [False, False, False]
    assert [*results, again] == [FlushResult(1, 0, timed_out=False)] * 4


def test_closing_says_what_was_lost() -> None:
    """Given a dead destination, when the time to drain is over, then the loss is said."""

    async def scenario() -> DataPlane:
        dead = FaultyBackplane(afterwards=fail(TransientError("down")))
        async with opened(dead, shutdown_timeout_ms=5000) as plane:
            for _ in range(10):
                await plane.publish(make_exposure())
        return plane

    plane = in_virtual_time(scenario())

    assert plane.closing == FlushResult(0, 10, timed_out=True)
    assert plane.statistics().backplanes["FaultyBackplane"].dropped == {"shutdown": 10}


def test_closing_never_hangs_because_a_backplane_hangs() -> None:
    """Given a backplane that ignores cancellation, when the plane closes, then it does in time."""

    async def scenario() -> float:
        stubborn = Hang(stubborn=1000)
        plane = DataPlane(
            options(shutdown_timeout_ms=2000), backplane=FaultyBackplane(afterwards=stubborn)
        )
        loop = asyncio.get_running_loop()
        async with plane:
            await plane.publish(make_exposure())
            began = loop.time()
        took = loop.time() - began
        check_accounts(plane)
        stubborn.release()
        return took

    assert in_virtual_time(scenario()) < 2.5


async def test_flush_delivers_what_was_accepted_before() -> None:
    """Given waiting events, when flush is awaited, then they have arrived, and later ones wait."""
    faulty = FaultyBackplane()

    async with opened(faulty, flush_interval_ms=60_000) as plane:
        for _ in range(3):
            await plane.publish(make_exposure())
        result = await plane.flush()
        arrived = len(sunk(faulty))

    assert (arrived, result) == (3, FlushResult(3, 0, timed_out=False))


async def test_no_backplane_is_a_configuration_error_that_helps() -> None:
    """Given no backplane at all, when a plane is made, then the error shows how to name one."""
    with pytest.raises(ConfigurationError, match=r"backplane.*sqlite"):
        DataPlane()


async def test_two_backplanes_are_a_configuration_error() -> None:
    """Given an object and a configured one, when a plane is made, then it says to choose."""
    with pytest.raises(ConfigurationError, match="leave one of the two out"):
        DataPlane(options(backplane=BackplaneOptions(type="inMemory")), backplane=FaultyBackplane())


async def test_one_object_cannot_serve_several_lanes() -> None:
    """Given concurrency 2, when one object is given, then it is refused; a plugin is taken."""
    with pytest.raises(ConfigurationError, match=r"concurrency.*BackplanePlugin"):
        DataPlane(options(concurrency=2), backplane=FaultyBackplane())

    assert DataPlane(options(concurrency=2), backplane=FaultyBackplane().plugin())


def test_a_plane_is_made_from_a_file(tmp_path: Path) -> None:
    """Given a YAML file, when a plane is made from it, then its options are those of the file."""
    path = tmp_path / "experiments.yaml"
    path.write_text("dataPlane:\n  batchSize: 7\n  backplane: {type: inMemory}\n")

    plane = DataPlane.from_file(path)

    assert plane.options.batch_size == 7


def test_a_plane_is_made_from_several_files(tmp_path: Path) -> None:
    """Given two files, when a plane is made from both, then the second one wins."""
    (tmp_path / "base.yaml").write_text("dataPlane: {batchSize: 7, backplane: {type: inMemory}}\n")
    (tmp_path / "prod.json").write_text('{"dataPlane": {"batchSize": 8, /* more */}}')

    plane = DataPlane.from_file(tmp_path / "base.yaml", tmp_path / "prod.json")

    assert plane.options.batch_size == 8


def test_a_plane_is_made_from_a_folder(tmp_path: Path) -> None:
    """Given a folder with the usual file, when a plane is made from it, then the file is found."""
    path = tmp_path / "experiments.yml"
    path.write_text("dataPlane: {batchSize: 7, backplane: {type: inMemory}}\n")

    plane = DataPlane.from_file(tmp_path)

    assert plane.options.batch_size == 7


@pytest.mark.parametrize("given", [3, None, b"experiments.yaml", ["experiments.yaml"]])
def test_what_is_no_path_is_named(given: Any) -> None:
    """Given no path, when a plane is made from it, then the error says what was expected."""
    with pytest.raises(TypeError) as raised:
        DataPlane.from_file("experiments.yaml", given)

    kind = type(given).__name__
    assert str(raised.value).startswith(f"from_file: unexpected {kind}; expected the path of a")


def test_a_warning_of_a_file_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a plugin that warns of its options, when a plane is made, then that is logged."""
    for module in ("_plane.files", "_plane.setup"):
        monkeypatch.setattr(f"experimentframework_core.{module}.find_plugin", find_courier)
    path = tmp_path / "e.yaml"
    node = "{type: courier, options: {addresses: a, code: odd}}"
    path.write_text(f"dataPlane: {{backplane: {node}}}\n")

    DataPlane.from_file(path)

    assert caplog.text.count("configuration_warned") == 1
    assert (
        f"{path}:1:64: warning: dataPlane.backplane.options.code: an odd code is slow"
        in caplog.text
    )


async def test_health_tells_of_the_worst_backplane() -> None:
    """Given a good and a bad destination, when health is asked, the bad one decides."""
    down = FaultyBackplane(afterwards=fail(TransientError("no route")))
    backplanes = Backplanes(good=FaultyBackplane(), bad=down)
    made = options(
        backplane=backplanes.group("composite"), flush_interval_ms=1, shutdown_timeout_ms=50
    )

    async with DataPlane(made, backplane=backplanes.plugin) as plane:
        await plane.publish(make_exposure())
        await plane.flush(0.2)
        health = await plane.health()

    assert health.status is not HealthStatus.HEALTHY
    assert "bad" in health.description
    assert set(health.diagnostics) == {"good", "bad"}


def test_one_plane_in_each_of_two_threads() -> None:
    """Given two loops in two threads, when each has its plane, then they do not disturb."""
    counts: list[int] = []

    async def work() -> None:
        faulty = FaultyBackplane()
        async with opened(faulty) as plane:
            for _ in range(500):
                await plane.publish(make_exposure())
        counts.append(len(sunk(faulty)))

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts == [500, 500]


def test_the_defaults_are_those_of_the_options() -> None:
    """Given no options, when a plane is made for an object, then it has the defaults."""
    assert DataPlane(backplane=FaultyBackplane()).options == DataPlaneOptions()
