"""Publishing from other threads: bounded, counted, woken once, never deadlocked."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import (
    AckTimeoutError,
    BufferFullError,
    BufferOptions,
    DataPlane,
    DataPlaneClosedError,
    DeliveryError,
    PublishError,
)
from experimentframework_core._exposure import current
from experimentframework_core.errors import PermanentError
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    fail,
    make_envelope,
    make_exposure,
)
from tests.core._planes import check_accounts, opened, options, sunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

THREADS = 8


class Watching:
    """A destination that looks at the buffer's bounds whenever it is called."""

    def __init__(self) -> None:
        self.highest = 0
        self.subjects: list[str | None] = []
        self.plane: DataPlane | None = None

    async def deliver(self, batch: Sequence[Record]) -> None:
        self.look()
        self.subjects += [record.subject for record in batch]

    def look(self) -> None:
        if self.plane is not None:
            buffer = self.plane._works.channels[0].buffer
            self.highest = max(self.highest, buffer.events)


async def in_threads(work: Any, count: int = THREADS) -> list[Any]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(count) as pool:
        working = [loop.run_in_executor(pool, work, number) for number in range(count)]
        return await asyncio.gather(*working)


async def test_eight_threads_lose_nothing() -> None:
    """Given room for all, when eight threads publish at once, then each event arrives in order."""
    faulty = FaultyBackplane()

    async with opened(faulty, buffer=BufferOptions(max_events=100_000)) as plane:

        def work(thread: int) -> None:
            for number in range(500):
                event = make_exposure(experiment_name=f"t{thread}", subject_id=str(number))
                assert plane.publish_threadsafe(event).status == "accepted"

        await in_threads(work)

    by_thread = {
        f"t{thread}": [r.subject for r in sunk(faulty) if r.experiment == f"t{thread}"]
        for thread in range(THREADS)
    }
    assert by_thread == {
        f"t{thread}": [str(number) for number in range(500)] for thread in range(THREADS)
    }
    assert plane.statistics().published == 500 * THREADS


@pytest.mark.parametrize("policy", ["block", "dropNewest", "dropOldest"])
async def test_the_bounds_hold_at_every_moment(policy: Any) -> None:
    """Given room for 50, when threads and the loop publish at once, it never holds more."""
    watching = Watching()
    buffer = BufferOptions(max_events=50, when_full=policy, block_timeout_ms=30_000)

    async with opened(watching, buffer=buffer, batch_size=10, flush_interval_ms=1) as plane:
        watching.plane = plane

        def work(_thread: int) -> None:
            for _ in range(200):
                plane.publish_threadsafe(make_exposure())
                watching.look()

        threads = asyncio.ensure_future(in_threads(work))
        for _ in range(200):
            await plane.publish(make_exposure())
            watching.look()
        await threads

    (channel,) = plane.statistics().backplanes.values()
    assert watching.highest <= 50
    assert plane.statistics().published == 200 * (THREADS + 1)
    assert channel.enqueued == 200 * (THREADS + 1)
    assert channel.delivered == len(watching.subjects)
    if policy == "block":
        assert channel.delivered == channel.enqueued


async def test_reservations_hold_the_bounds_while_the_loop_is_busy() -> None:
    """Given a loop that does not turn, when threads fill the buffer, room is never overbooked."""
    faulty = FaultyBackplane()

    async with opened(faulty, buffer=BufferOptions(max_events=20)) as plane:
        accepted: list[str] = []

        def work() -> None:
            accepted.extend(plane.publish_threadsafe(make_exposure()).status for _ in range(20))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        buffer = plane._works.channels[0].buffer
        reserved = buffer.events + buffer.reserved_events
        own = plane.publish_nowait(make_exposure())

    assert accepted == ["accepted"] * 20
    assert reserved == 20
    assert (own.status, own.reason) == ("dropped", "buffer_full")
    assert len(sunk(faulty)) == 20


async def test_one_wake_up_serves_a_burst() -> None:
    """Given a busy loop, when a thread publishes 100 events, then the loop is woken once."""
    async with opened(FaultyBackplane()) as plane:
        loop = asyncio.get_running_loop()
        wakes: list[Any] = []
        original = loop.call_soon_threadsafe

        def counted(callback: Any, *args: Any, **kwargs: Any) -> asyncio.Handle:
            wakes.append(callback)
            return original(callback, *args, **kwargs)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign,assignment]

        def work() -> None:
            for _ in range(100):
                plane.publish_threadsafe(make_exposure())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        loop.call_soon_threadsafe = original  # type: ignore[method-assign]

    assert len(wakes) == 1
    assert plane.statistics().accepted == 100


async def test_on_the_loops_own_thread_it_is_refused() -> None:
    """Given an open plane, when publish_threadsafe is called on its loop, then it says why not."""
    async with opened(FaultyBackplane()) as plane:
        with pytest.raises(RuntimeError, match="await publish"):
            plane.publish_threadsafe(make_exposure())

    assert plane.statistics().published == 0


async def test_delivery_is_acknowledged_to_a_thread() -> None:
    """Given ack delivered, when a thread publishes, then it returns when the event has arrived."""
    faulty = FaultyBackplane()

    async with opened(faulty, flush_interval_ms=1) as plane:

        def work() -> tuple[str, int]:
            receipt = plane.publish_threadsafe(make_exposure(), ack="delivered")
            return receipt.status, len(sunk(faulty))

        answer = await asyncio.to_thread(work)

    assert answer == ("delivered", 1)


async def test_a_refused_event_is_an_error_in_the_thread() -> None:
    """Given a refusal, when a thread awaits delivery, then it gets the DeliveryError."""
    refusing = FaultyBackplane(afterwards=fail(PermanentError("no")))

    async with opened(refusing, flush_interval_ms=1) as plane:
        with pytest.raises(DeliveryError, match="dropped"):
            await asyncio.to_thread(plane.publish_threadsafe, make_exposure(), ack="delivered")


async def test_the_callers_timeout_ends_the_wait() -> None:
    """Given a hanging destination, when the caller's time is over, the event stays queued."""
    hang = Hang()
    faulty = FaultyBackplane([hang])

    async with opened(faulty, flush_interval_ms=1) as plane:
        with pytest.raises(AckTimeoutError) as caught:
            await asyncio.to_thread(
                plane.publish_threadsafe, make_exposure(), ack="delivered", timeout=0.01
            )
        await hang.started.wait()
        hang.release()

    assert [record.event_id for record in sunk(faulty)] == [caught.value.event_id]


async def test_a_full_blocking_buffer_is_an_error_in_the_thread() -> None:
    """Given block, when no room comes in time, then the thread gets BufferFullError."""
    hang = Hang()
    buffer = BufferOptions(max_events=1, when_full="block", block_timeout_ms=10)

    async with opened(FaultyBackplane([hang]), buffer=buffer, flush_interval_ms=1) as plane:
        await plane.publish(make_exposure())
        await hang.started.wait()
        with pytest.raises(BufferFullError):
            await asyncio.to_thread(plane.publish_threadsafe, make_exposure())
        with pytest.raises(AckTimeoutError):
            await asyncio.to_thread(plane.publish_threadsafe, make_exposure(), timeout=0)
        while plane.statistics().rejected < 2:  # noqa: ASYNC110 - the loop's next turns
            await asyncio.sleep(0)
        hang.release()


async def test_flush_covers_what_a_thread_has_published() -> None:
    """Given a thread's event that is not on the loop yet, when flush is awaited, it arrives."""
    faulty = FaultyBackplane()

    async with opened(faulty, flush_interval_ms=60_000) as plane:
        thread = threading.Thread(target=plane.publish_threadsafe, args=(make_exposure(),))
        thread.start()
        thread.join()
        result = await plane.flush()

    assert result.delivered == 1


async def test_envelopes_and_metadata_go_through_threads_as_well() -> None:
    """Given an envelope, when a thread publishes it, then it keeps its id."""
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        receipt = await asyncio.to_thread(plane.publish_threadsafe, make_envelope(event_id="e-1"))
        await asyncio.to_thread(
            plane.publish_threadsafe, make_exposure(), correlation_id="c", metadata={"a": 1}
        )

    assert receipt.event_id == "e-1"
    assert [record.correlation_id for record in sunk(faulty)] == [None, "c"]


async def test_closing_while_threads_publish_loses_nothing_that_was_accepted() -> None:
    """Given threads that publish until refused, when the plane closes, accepted ones arrive."""
    faulty = FaultyBackplane()
    plane = DataPlane(options(buffer=BufferOptions(max_events=10**6)), backplane=faulty)
    accepted: list[str | None] = []
    running = threading.Barrier(THREADS)

    def work(_thread: int) -> str:
        running.wait()
        while True:
            try:
                accepted.append(plane.publish_threadsafe(make_exposure()).event_id)
            except DataPlaneClosedError as error:
                return str(error)

    await plane.__aenter__()
    threads = asyncio.ensure_future(in_threads(work))
    while len(accepted) < 500:  # noqa: ASYNC110 - other threads do the counting
        await asyncio.sleep(0)
    await plane.aclose()
    said = await threads

    assert set(accepted) == {record.event_id for record in sunk(faulty)}
    assert plane.statistics().accepted == len(accepted) == len(sunk(faulty))
    assert all("closed" in each for each in said)
    check_accounts(plane)


async def test_closing_frees_a_thread_that_waits_for_room() -> None:
    """Given a thread that waits for room, when the plane closes, then it is told."""
    hang = Hang()
    buffer = BufferOptions(max_events=1, when_full="block", block_timeout_ms=30_000)
    plane = DataPlane(
        options(buffer=buffer, flush_interval_ms=1, shutdown_timeout_ms=50),
        backplane=FaultyBackplane(afterwards=hang),
    )
    await plane.__aenter__()
    await plane.publish(make_exposure())
    await hang.started.wait()

    waiting = asyncio.ensure_future(asyncio.to_thread(plane.publish_threadsafe, make_exposure()))
    while plane.statistics().published < 2:  # noqa: ASYNC110 - another thread publishes
        await asyncio.sleep(0)
    await plane.aclose()

    with pytest.raises(PublishError):
        await waiting
    check_accounts(plane)


def in_time(work: Any) -> bool:
    """Run it in a thread, and return whether it ended; what hangs is left behind."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


async def test_what_a_thread_is_interrupted_by_may_publish() -> None:
    """Given a call that is interrupted in its midst, When that publishes, Then both arrive."""
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        loop = asyncio.get_running_loop()
        original = loop.call_soon_threadsafe

        def interrupted(*args: Any, **kwargs: Any) -> asyncio.Handle:
            loop.call_soon_threadsafe = original  # type: ignore[method-assign]
            plane.publish_threadsafe(make_exposure())
            return original(*args, **kwargs)

        loop.call_soon_threadsafe = interrupted  # type: ignore[method-assign,assignment]
        ended = in_time(lambda: plane.publish_threadsafe(make_exposure()))

    assert ended
    assert len(sunk(faulty)) == 2


async def test_what_a_signal_handler_raises_takes_the_event_back() -> None:
    """Given a call that is interrupted by an error, When it ends, Then nothing was published."""
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        loop = asyncio.get_running_loop()
        original = loop.call_soon_threadsafe

        def interrupted(*_args: Any, **_kwargs: Any) -> asyncio.Handle:
            loop.call_soon_threadsafe = original  # type: ignore[method-assign]
            raise KeyboardInterrupt

        loop.call_soon_threadsafe = interrupted  # type: ignore[method-assign,assignment]
        caught: list[BaseException] = []

        def work() -> None:
            try:
                plane.publish_threadsafe(make_exposure())
            except KeyboardInterrupt as error:
                caught.append(error)
            plane.publish_threadsafe(make_exposure())

        ended = in_time(work)

    assert ended
    assert len(caught) == len(sunk(faulty)) == plane.statistics().accepted == 1


@pytest.mark.parametrize("ack", ["accepted", "delivered"])
async def test_closing_does_not_wait_for_a_thread_that_stands_still(ack: Any) -> None:
    """Given a thread that is held up in its call, When the plane closes, Then it goes on later."""
    faulty = FaultyBackplane()
    held, go_on = threading.Event(), threading.Event()
    plane = DataPlane(options(), backplane=faulty)
    await plane.__aenter__()
    loop = asyncio.get_running_loop()
    original = loop.call_soon_threadsafe

    def hold(*args: Any, **kwargs: Any) -> asyncio.Handle:
        if threading.current_thread().name == "held":
            held.set()
            go_on.wait(10)
        return original(*args, **kwargs)

    loop.call_soon_threadsafe = hold  # type: ignore[method-assign,assignment]
    accepted: list[bool] = []

    def work() -> None:
        try:
            plane.publish_threadsafe(make_exposure(), ack=ack)
            accepted.append(True)
        except DataPlaneClosedError:
            accepted.append(False)

    thread = threading.Thread(target=work, name="held", daemon=True)
    thread.start()
    held.wait(10)
    closing = await plane.aclose()
    still_held = thread.is_alive() and not accepted
    go_on.set()
    await asyncio.to_thread(thread.join, 10)

    assert still_held
    assert closing.remaining == 0
    assert len(sunk(faulty)) == sum(accepted)
    assert len(accepted) == 1
    check_accounts(plane)


async def test_an_event_that_comes_behind_the_closing_is_refused() -> None:
    """Given a thread held up before it hands over, When the plane closed, Then it is told."""
    faulty = FaultyBackplane()
    plane = DataPlane(options(), backplane=faulty)
    await plane.__aenter__()
    doorway = plane._works.doorway
    assert doorway is not None
    held, go_on = threading.Event(), threading.Event()
    original = doorway._hand_over

    def hold(*args: Any) -> None:
        held.set()
        go_on.wait(10)
        original(*args)

    doorway._hand_over = hold  # type: ignore[method-assign,assignment]
    publishing = asyncio.ensure_future(asyncio.to_thread(plane.publish_threadsafe, make_exposure()))
    await asyncio.to_thread(held.wait, 10)
    await plane.aclose()
    go_on.set()

    with pytest.raises(DataPlaneClosedError, match="closed"):
        await publishing
    assert sunk(faulty) == []
    assert plane._works.channels[0].buffer.reserved_events == 0
    check_accounts(plane)


async def test_nothing_is_called_while_a_thread_has_a_lock() -> None:
    """Given that signals are handled between calls, Then no handler runs while a lock is held.

    The loop needs these locks, and a handler may wait for the loop.
    """
    calls: list[str] = []

    async with opened(FaultyBackplane(), buffer=BufferOptions(max_events=2)) as plane:
        doorway = plane._works.doorway
        assert doorway is not None
        locks: list[Any] = [doorway._lock, plane._works.channels[0].buffer._lock]

        def note(frame: Any, event: str, what: Any) -> None:
            name = getattr(what, "__name__", frame.f_code.co_name)
            if name not in ("__exit__", "_is_owned") and any(lock._is_owned() for lock in locks):
                calls.append(f"{event} {name}")

        def work() -> None:
            sys.setprofile(note)
            try:
                for _ in range(3):
                    plane.publish_threadsafe(make_exposure(), timeout=0.01)
            except AckTimeoutError:
                pass
            finally:
                sys.setprofile(None)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert calls == []


@pytest.mark.parametrize("timeout", ["x", float("nan")])
async def test_a_timeout_that_is_none_is_refused_before_the_event_is_taken(timeout: Any) -> None:
    """Given what is no number of seconds, When a thread publishes, Then nothing is accepted."""
    async with opened(FaultyBackplane()) as plane:
        with pytest.raises((TypeError, ValueError), match="expected seconds as a number"):
            await asyncio.to_thread(
                plane.publish_threadsafe, make_exposure(), ack="delivered", timeout=timeout
            )

    assert plane.statistics().published == 0


def test_a_loop_that_has_ended_is_said() -> None:
    """Given a loop that ended without closing its plane, when a thread publishes, it is told."""
    loop = asyncio.new_event_loop()
    plane = DataPlane(options(), backplane=FaultyBackplane())
    loop.run_until_complete(plane.__aenter__())
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()

    for ack in ("accepted", "delivered", "accepted"):
        with pytest.raises(DataPlaneClosedError, match="ended"):
            plane.publish_threadsafe(make_exposure(), ack=ack)
    current.closed(plane)

    assert plane.statistics().accepted == 0
    check_accounts(plane)


async def test_first_events_of_a_type_from_many_threads_are_all_counted() -> None:
    """Given a type that nobody met, when all threads meet it at once, then no count is lost."""
    for _ in range(20):
        barrier = threading.Barrier(THREADS)
        async with opened(FaultyBackplane()) as plane:

            def work(
                _thread: int, plane: DataPlane = plane, barrier: threading.Barrier = barrier
            ) -> None:
                barrier.wait()
                plane.publish_threadsafe(make_exposure())

            await in_threads(work)
            await plane.publish(make_exposure())

        assert plane.statistics().accepted == THREADS + 1
