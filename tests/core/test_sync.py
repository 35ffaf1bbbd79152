"""The plane of synchronous code: opened when it is needed, by any thread; its end drains it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pytest

from experimentframework_core import (
    BufferOptions,
    ConfigurationError,
    DataPlaneClosedError,
    DataPlaneOptions,
    FlushResult,
    HealthStatus,
    JournalError,
    TransientError,
)
from experimentframework_core import sync as sync_module
from experimentframework_core._plane import at_exit
from experimentframework_core._portal import Portal
from experimentframework_core.backplanes.memory import InMemoryBackplane
from experimentframework_core.exposure import current_plane, identify
from experimentframework_core.sync import THREAD, SyncDataPlane
from experimentframework_core.testing import FaultyBackplane, Sink, fail, make_exposure
from tests.core._channels import is_balanced
from tests.core._planes import options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

    from experimentframework_core import Record

T = TypeVar("T")

THREADS, EACH = 8, 250


def threads_of_planes() -> int:
    return sum(thread.name == THREAD for thread in threading.enumerate())


def test_nothing_starts_before_the_first_publish() -> None:
    """Given a plane, When nothing was published yet, Then there is no thread, and after it one."""
    plane = SyncDataPlane(options(), backplane=Sink())
    before = threads_of_planes()

    plane.publish(make_exposure())

    assert (before, threads_of_planes()) == (0, 1)
    plane.close()
    assert threads_of_planes() == 0


def test_leaving_with_drains() -> None:
    """Given published events, When `with` is left, Then all have arrived, and closing says so."""
    sink = Sink()

    with SyncDataPlane(options(), backplane=sink) as plane:
        receipts = [plane.publish(make_exposure()) for _ in range(100)]

    assert [record.event_id for record in sink.records] == [each.event_id for each in receipts]
    assert plane.closing is not None
    assert plane.closing.remaining == 0


def test_many_threads_publish_at_once() -> None:
    """Given a closed plane and threads, When all publish at once, Then one opens it for all."""
    sink = Sink()
    plane = SyncDataPlane(options(), backplane=sink)
    together = threading.Barrier(THREADS)

    def work(number: int) -> list[str | None]:
        together.wait(30)
        return [
            plane.publish(make_exposure(subject_id=f"u-{number}-{each}")).event_id
            for each in range(EACH)
        ]

    with ThreadPoolExecutor(THREADS) as pool:
        told = [each for ids in pool.map(work, range(THREADS)) for each in ids]
    plane.close()

    statistics = plane.statistics()
    assert sorted(record.event_id for record in sink.records) == sorted(filter(None, told))
    assert statistics.published == statistics.accepted == THREADS * EACH
    assert all(is_balanced(channel) for channel in statistics.backplanes.values())


def test_flush_delivers_what_was_published() -> None:
    """Given a published event, When the plane is flushed, Then it has arrived."""
    sink = Sink()
    with SyncDataPlane(options(flush_interval_ms=60_000), backplane=sink) as plane:
        plane.publish(make_exposure())

        result = plane.flush()

        assert result.delivered == len(sink.records) == 1


def test_an_acknowledgement_can_be_waited_for() -> None:
    """Given a plane, When an event is published until delivered, Then it has arrived."""
    sink = Sink()
    with SyncDataPlane(options(), backplane=sink) as plane:
        receipt = plane.publish(make_exposure(), ack="delivered", timeout=10)

        assert receipt.status == "delivered"
        assert len(sink.records) == 1


def test_an_exposure_can_be_recorded() -> None:
    """Given a subject, When it is shown a variant twice, Then the second one is a repeat."""
    store = InMemoryBackplane()
    with SyncDataPlane(options(), backplane=store) as plane, identify("u-42"):
        plane.expose("checkout", "express")
        decision = plane.decide("checkout", "express")

    payloads = [envelope.payload for envelope in store.envelopes()]
    assert [each.subject_id for each in payloads] == ["u-42", "u-42"]
    assert [bool(each.is_repeat_exposure) for each in payloads] == [False, True]
    assert decision.variant_key == "express"


async def test_it_is_usable_while_a_loop_runs_elsewhere() -> None:
    """Given a running loop, When its thread and another one publish, Then both arrive."""
    sink = Sink()
    plane = SyncDataPlane(options(), backplane=sink)

    plane.publish(make_exposure(subject_id="on the loop's thread"))
    await asyncio.to_thread(plane.publish, make_exposure(subject_id="beside it"))
    plane.close()

    assert {record.subject for record in sink.records} == {"on the loop's thread", "beside it"}


class Republishing:
    """A destination that calls the plane whose events it gets."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.plane: SyncDataPlane | None = None

    async def deliver(self, batch: Sequence[Record]) -> None:
        assert self.plane is not None
        for call in (
            lambda plane: plane.publish(make_exposure()),
            SyncDataPlane.flush,
            SyncDataPlane.health,
            SyncDataPlane.close,
        ):
            try:
                call(self.plane)
            except RuntimeError as error:
                self.refused.append(str(error))


def test_its_own_thread_is_refused() -> None:
    """Given a backplane, When it calls its own plane, Then each call says why it cannot."""
    backplane = Republishing()
    backplane.plane = plane = SyncDataPlane(options(), backplane=backplane)

    plane.publish(make_exposure())
    plane.close()

    named = [each.split("(")[0] for each in backplane.refused]
    assert named == ["publish", "flush", "health", "close"]
    assert all(f"the plane's own thread, {THREAD}" in each for each in backplane.refused)


def test_a_closed_plane_says_so() -> None:
    """Given a closed plane, When it is used, Then it says to make a new one."""
    plane = SyncDataPlane(options(), backplane=Sink())
    plane.publish(make_exposure())
    plane.close()

    with pytest.raises(DataPlaneClosedError, match="the plane is closed: make a new one"):
        plane.publish(make_exposure())
    with pytest.raises(DataPlaneClosedError, match="the plane is closed: make a new one"):
        plane.flush()


def test_a_plane_that_never_opened_closes() -> None:
    """Given a plane that was never used, When it is closed, Then nothing was there to deliver."""
    plane = SyncDataPlane(options(), backplane=Sink())

    closing = plane.close()

    assert (closing.delivered, closing.remaining) == (0, 0)
    assert threads_of_planes() == 0


def test_closing_again_tells_the_same() -> None:
    """Given a closed plane, When it is closed again, Then the result is the first one."""
    plane = SyncDataPlane(options(), backplane=Sink())
    plane.publish(make_exposure())
    first = plane.close()

    again = plane.close()

    assert again is first is plane.closing


def test_health_is_told_while_open_and_after() -> None:
    """Given a plane, When it is open and when it has closed, Then health says which."""
    plane = SyncDataPlane(options(), backplane=InMemoryBackplane())
    plane.publish(make_exposure(), ack="delivered")
    while_open = plane.health()
    plane.close()

    afterwards = plane.health()

    assert while_open.status is HealthStatus.HEALTHY
    assert afterwards.status is HealthStatus.UNHEALTHY
    assert "closed" in afterwards.description
    assert set(afterwards.diagnostics) == set(while_open.diagnostics)


def test_health_of_a_plane_that_closed_unopened_is_told() -> None:
    """Given a plane that was closed before it opened, When it is asked, Then it says so."""
    plane = SyncDataPlane(options(), backplane=Sink())
    plane.close()

    health = plane.health()

    assert health.status is HealthStatus.UNHEALTHY
    assert "closed" in health.description
    assert health.diagnostics == {}


def test_a_buffer_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    """Given a file in the journal's place, When it goes away, Then the next publish opens."""
    place = tmp_path / "buffer"
    place.write_text("in the way")
    sink = Sink()
    buffer = BufferOptions(type="disk", path=str(place))
    plane = SyncDataPlane(options(buffer=buffer), backplane=sink)
    with pytest.raises(JournalError):
        plane.publish(make_exposure())
    after_failure = threads_of_planes()

    place.unlink()
    plane.publish(make_exposure(), ack="durable")
    plane.close()

    assert after_failure == 0
    assert len(sink.records) == 1


def test_a_wrong_configuration_is_told_when_it_is_made(tmp_path: Path) -> None:
    """Given a file with a mistake, When a plane is made of it, Then the mistake is named."""
    path = tmp_path / "experiments.yaml"
    path.write_text("dataPlane: {backplane: {type: inMemory}, batchSice: 3}\n")

    with pytest.raises(ConfigurationError, match="batchSice"):
        SyncDataPlane.from_file(path)


def test_a_file_configures_it(tmp_path: Path) -> None:
    """Given a file, When a plane is made of it, Then its options are the file's."""
    path = tmp_path / "experiments.yaml"
    path.write_text("dataPlane: {backplane: {type: inMemory}, batchSize: 3}\n")

    plane = SyncDataPlane.from_file(path)

    assert plane.options.batch_size == 3


def test_what_is_lost_at_the_end_is_told() -> None:
    """Given a destination that is down, When the plane closes, Then it says what was lost."""
    down = FaultyBackplane(afterwards=fail(TransientError("down")))
    plane = SyncDataPlane(options(shutdown_timeout_ms=50), backplane=down)
    plane.publish(make_exposure())

    closing = plane.close()

    assert (closing.delivered, closing.remaining) == (0, 1)


class Interrupted(Portal):
    """A portal whose first call is interrupted by ``work``, as by a signal handler."""

    work: ClassVar[Callable[[], object] | None] = None

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        answer = super().run(coroutine, timeout)
        work, Interrupted.work = Interrupted.work, None
        if work is not None:
            work()
        return answer


def test_what_interrupts_the_opening_may_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an opening, When a signal handler in its thread publishes, Then both arrive."""
    monkeypatch.setattr(sync_module, "Portal", Interrupted)
    sink = Sink()
    plane = SyncDataPlane(options(), backplane=sink)
    Interrupted.work = lambda: plane.publish(make_exposure())

    plane.publish(make_exposure())
    plane.close()

    assert len(sink.records) == plane.statistics().accepted == 2
    assert threads_of_planes() == 0


def test_what_interrupts_the_opening_may_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an opening, When a signal handler in its thread closes, Then it stays closed."""
    monkeypatch.setattr(sync_module, "Portal", Interrupted)
    plane = SyncDataPlane(options(), backplane=Sink())
    Interrupted.work = plane.close

    with pytest.raises(DataPlaneClosedError, match="the plane is closed"):
        plane.publish(make_exposure())

    assert plane.closing is not None
    assert threads_of_planes() == 0
    assert plane not in at_exit._open


def test_what_interrupts_the_closing_may_end_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a closing, When a signal handler exits, Then the interpreter's end closes it."""
    monkeypatch.setattr(sync_module, "Portal", Interrupted)
    sink = Sink()
    plane = SyncDataPlane(options(), backplane=sink)
    plane.publish(make_exposure())
    Interrupted.work = sys.exit

    with pytest.raises(SystemExit):
        plane.close()
    still_to_close = plane in at_exit._open
    plane.close()

    assert still_to_close
    assert len(sink.records) == 1
    assert threads_of_planes() == 0


def test_what_interrupts_the_closing_may_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a closing, When a signal handler closes as well, Then both are told the same."""
    monkeypatch.setattr(sync_module, "Portal", Interrupted)
    plane = SyncDataPlane(options(), backplane=Sink())
    plane.publish(make_exposure())
    told: list[FlushResult] = []
    Interrupted.work = lambda: told.append(plane.close())

    told.append(plane.close())

    assert told[0] == told[1] == plane.closing
    assert (told[0].delivered, told[0].timed_out) == (1, False)


class Blocking:
    """A destination that stops its loop, as no plugin may."""

    def __init__(self) -> None:
        self.blocked = threading.Event()
        self.go_on = threading.Event()

    async def deliver(self, batch: Sequence[Record]) -> None:
        self.blocked.set()
        self.go_on.wait(30)


def test_a_plugin_that_blocks_its_thread_does_not_keep_it_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a plugin that blocks the thread, When the plane closes, Then it says what is left."""
    monkeypatch.setattr(sync_module, "GRACE", 0.05)
    blocking = Blocking()
    plane = SyncDataPlane(
        DataPlaneOptions(shutdown_timeout_ms=50, flush_interval_ms=1, on_failure="drop"),
        backplane=blocking,
    )
    plane.publish(make_exposure())
    assert blocking.blocked.wait(30)

    closing = plane.close()

    assert closing.timed_out
    assert closing.remaining == 1
    with pytest.raises(DataPlaneClosedError, match="no DataPlane is open"):
        current_plane()
    blocking.go_on.set()
    until = time.monotonic() + 30
    while threads_of_planes() and time.monotonic() < until:
        time.sleep(0.01)


def test_what_a_blocked_thread_leaves_on_disk_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Given events on disk, When a plugin blocks the closing, Then it says that they are kept."""
    monkeypatch.setattr(sync_module, "GRACE", 0.05)
    blocking = Blocking()
    buffer = BufferOptions(type="disk", path=str(tmp_path / "buffer"))
    plane = SyncDataPlane(
        options(shutdown_timeout_ms=50, flush_interval_ms=60_000, buffer=buffer),
        backplane=blocking,
    )
    for _ in range(3):
        plane.publish(make_exposure(), ack="durable")

    closing = plane.close()

    assert closing == FlushResult(0, 3, timed_out=True, kept=3)
    assert plane.health().status is HealthStatus.UNHEALTHY
    blocking.go_on.set()
    until = time.monotonic() + 30
    while threads_of_planes() and time.monotonic() < until:
        time.sleep(0.01)


def test_files_that_are_changed_are_taken_at_a_reload(tmp_path: Path) -> None:
    """Given a plane of a file, When that changes and it is reloaded, Then it works by the new."""
    file = tmp_path / "experiments.yaml"
    file.write_text("dataPlane: {samplingRate: 1, backplane: {type: inMemory}}")
    with SyncDataPlane.from_file(file) as plane:
        plane.publish(make_exposure())
        file.write_text("dataPlane: {samplingRate: 0, backplane: {type: inMemory}}")

        plane.reload()

        receipt = plane.publish(make_exposure())
        assert (receipt.status, receipt.reason) == ("filtered", "sampled")
        assert plane.options.sampling_rate == 0


def test_files_are_watched(tmp_path: Path) -> None:
    """Given `reload: watch`, When the file changes, Then the plane works by it before long."""
    file = tmp_path / "experiments.yaml"
    text = (
        "dataPlane: {backplane: {type: inMemory}, samplingRate: %d,"
        " reload: {watch: true, intervalMs: 20}}"
    )
    file.write_text(text % 1)
    with SyncDataPlane.from_file(file) as plane:
        plane.open()

        file.write_text(text % 0)

        deadline = time.monotonic() + 30
        while plane.options.sampling_rate and time.monotonic() < deadline:
            time.sleep(0.02)
        assert plane.options.sampling_rate == 0


def test_it_can_be_measured_before_during_and_after() -> None:
    """Given a plane, When its metrics are read at any time, Then they tell of its events."""
    plane = SyncDataPlane(options(), backplane=Sink())
    before = {each.metric.name for each in plane.measurements()}

    with plane:
        plane.publish(make_exposure())

    accepted = [
        each.value
        for each in plane.measurements()
        if each.metric.name == "experimentframework.events.accepted"
    ]
    assert before
    assert accepted == [1]
