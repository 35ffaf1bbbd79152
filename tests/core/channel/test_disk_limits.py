"""A buffer on disk that is full, behind, or in the middle of something: what a channel promises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._disk import settings
from experimentframework_core._disk.buffer import Bounds
from experimentframework_core._disk.journal import Journal
from experimentframework_core.errors import PermanentError, TransientError
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    Sink,
    deliver,
    fail,
    make_exposure,
    make_record,
    refuse,
)
from tests.core._channels import ids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._disk.journal_data import Commit, Turn, Want
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from tests.core._channels import LettersInMemory
    from tests.core.channel.conftest import Workshop


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have windows of four batches."""
    monkeypatch.setattr(settings, "WINDOW_EVENTS", 0)
    monkeypatch.setattr(settings, "WINDOW_BYTES", 0)


class Disk:
    """Opens channels, one after the other, on one folder."""

    def __init__(self, workshop: Workshop, path: Path) -> None:
        self._workshop = workshop
        self._path = path

    async def __call__(
        self, backplane: Backplane, buffer: dict[str, Any] | None = None, **rest: Any
    ) -> Channel:
        """Return an open channel with batches of two."""
        bounds = {"type": "disk", "path": str(self._path), **(buffer or {})}
        channel = self._workshop(
            backplane, buffer=bounds, started=False, **{"batch_size": 2, **rest}
        )
        await channel.open()
        channel.start()
        return channel


@pytest.fixture
def disk(open_channel: Workshop, tmp_path: Path) -> Disk:
    return Disk(open_channel, tmp_path)


def events(number: int, key: str = "checkout") -> list[Record]:
    return [make_record(make_exposure(experiment_name=key)) for _ in range(number)]


async def put(channel: Channel, records: Sequence[Record]) -> list[str | None]:
    return [None if channel.offer(each) else await channel.room.put(each) for each in records]


async def test_a_parked_key_does_not_hold_up_what_is_on_disk(disk: Disk) -> None:
    """Given one key that is refused for now, for ever, then all of the others arrive from disk."""
    sink = Sink()
    not_now = refuse(
        lambda record: record.experiment == "stuck", TransientError("later"), partially=True
    )
    channel = await disk(FaultyBackplane(inner=sink, afterwards=not_now))
    mixed = [event for _ in range(40) for key in ("a", "b") for event in events(1, key)]

    await put(channel, [*events(3, "stuck"), *mixed])
    await asyncio.sleep(60)

    assert ids(sink.records) == ids(mixed)
    assert channel.statistics().buffered == 3


async def test_overflow_drains_without_newcomers(disk: Disk) -> None:
    """Given more of one key than a lane's window has, when nothing more comes, then all arrives."""
    sink = Sink()
    buffer = {"type": "memory", "when_full": "overflow", "max_events": 40}
    hang = Hang()
    channel = await disk(
        FaultyBackplane([hang], inner=sink), buffer, concurrency=4, delivery_timeout_ms=10_000
    )
    records = events(18)
    await put(channel, records)

    hang.release()
    await asyncio.sleep(10)

    assert ids(sink.records) == ids(records)


async def test_drop_oldest_drops_what_waits_longest(disk: Disk) -> None:
    """Given a full buffer on disk, then the oldest that is in memory and not in flight goes."""
    sink = Sink()
    hang = Hang()
    channel = await disk(
        FaultyBackplane([hang], inner=sink), {"max_events": 6, "when_full": "dropOldest"}
    )
    records = events(8)
    await put(channel, records[:2])
    await hang.started.wait()

    dropped = await put(channel, records[2:])
    hang.release()
    await channel.flush(None)

    assert dropped == [None] * 6
    assert ids(sink.records) == ids(records[:2] + records[4:])
    assert channel.statistics().dropped == {"buffer_full": 2}


async def test_what_was_dropped_does_not_come_back(disk: Disk) -> None:
    """Given events dropped for newer ones, when the next channel opens, then they stay dropped."""
    down = FaultyBackplane([Hang()])
    first = await disk(down, {"max_events": 4, "when_full": "dropOldest"})
    records = events(6)
    await put(first, records[:4])
    await asyncio.sleep(1)
    await put(first, records[4:])
    await asyncio.sleep(1)
    await first.close(1)
    sink = Sink()

    second = await disk(sink)
    await second.flush(None)

    assert ids(sink.records) == ids(records[:2] + records[4:])


async def test_drop_newest_refuses_and_says_so(disk: Disk) -> None:
    """Given a full buffer on disk, then the newcomer is dropped and the others are kept."""
    sink = Sink()
    hang = Hang()
    channel = await disk(
        FaultyBackplane([hang], inner=sink), {"max_events": 4, "when_full": "dropNewest"}
    )
    records = events(6)

    answers = await put(channel, records)
    hang.release()
    await channel.flush(None)

    assert answers == [None] * 4 + ["buffer_full"] * 2
    assert ids(sink.records) == ids(records[:4])


@pytest.mark.parametrize("policy", ["block", "dropNewest"])
async def test_waiting_for_a_commit_is_not_being_full(
    disk: Disk, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given memory for three unwritten events and room for many, then none of 60 is refused."""
    bounds = Bounds(8, 1 << 20, pending_events=3)
    monkeypatch.setattr(settings, "_window", lambda config: bounds)
    sink = Sink()
    channel = await disk(sink, {"when_full": policy})
    records = events(60)

    answers = await put(channel, records)
    await channel.flush(None)

    assert set(answers) == {None}
    assert ids(sink.records) == ids(records)


async def test_a_flush_counts_what_is_on_disk_only(disk: Disk) -> None:
    """Given far more on disk than in memory, when a flush has no time, then it says how many."""
    hang = Hang()
    channel = await disk(FaultyBackplane([hang]))
    await put(channel, events(50))
    await hang.started.wait()

    late = await channel.flush(0.5)
    hang.release()
    done = await channel.flush(None)

    assert (late.delivered, late.remaining, late.timed_out) == (0, 50, True)
    assert (done.remaining, done.timed_out) == (0, False)


async def test_a_flush_covers_what_was_recovered(disk: Disk) -> None:
    """Given events of an earlier channel, when the next is flushed at once, then they arrive."""
    first = await disk(FaultyBackplane([Hang()]))
    records = events(30)
    await put(first, records)
    await first.close(0.5)
    sink = Sink()
    second = await disk(sink, flush_interval_ms=3_600_000)

    result = await second.flush(None)

    assert (result.delivered, result.remaining) == (30, 0)
    assert ids(sink.records) == ids(records)


async def test_a_flush_does_not_wait_for_what_came_later(disk: Disk) -> None:
    """Given a stream that never ends, when a flush is asked for, then it ends all the same."""
    channel = await disk(Sink())
    running = True

    async def stream() -> None:
        while running:
            await put(channel, events(1))
            await asyncio.sleep(0.001)

    streaming = asyncio.ensure_future(stream())
    await asyncio.sleep(0.1)
    result = await channel.flush(60)
    running = False
    await streaming

    assert not result.timed_out


async def test_marks_are_on_disk_before_the_next_batch(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given written events, when a batch is delivered, then the file knows it before the next."""
    known = [1]
    turn = Journal.turn

    async def watched(journal: Journal, commit: Commit | None, wants: Sequence[Want]) -> Turn:
        answer = await turn(journal, commit, wants)
        if commit is not None and answer.committed:
            known.append(commit.below)
        return answer

    monkeypatch.setattr(Journal, "turn", watched)
    begun: list[int] = []

    async def note(inner: Backplane, batch: Sequence[Record]) -> None:
        begun.append(known[-1])
        await deliver(inner, batch)

    hang = Hang()
    channel = await disk(FaultyBackplane([hang], afterwards=note))
    await put(channel, events(8))
    await asyncio.sleep(1)
    hang.release()

    await channel.flush(None)

    assert begun == [3, 5, 7]


async def test_dead_letters_that_cannot_be_written_are_kept(
    disk: Disk, letters: LettersInMemory
) -> None:
    """Given a refused event and a store that fails, then the next channel's store gets it."""
    letters.failure = TransientError("disk full")
    first = await disk(FaultyBackplane(afterwards=fail(PermanentError("bad"))))
    await put(first, events(1))
    await asyncio.sleep(5)
    result = await first.close(1)
    letters.failure = None

    second = await disk(FaultyBackplane(afterwards=fail(PermanentError("bad"))))
    await second.flush(None)

    assert (result.kept, first.statistics().handed_over) == (1, 1)
    assert len(letters.letters) == 1
    assert second.statistics().dead_lettered == 1


async def test_another_number_of_lanes_loses_and_reorders_nothing(disk: Disk) -> None:
    """Given events of five keys left by three lanes, when two lanes take over, order holds."""
    first = await disk(FaultyBackplane([Hang(), Hang(), Hang()]), concurrency=3)
    by_key = {key: events(15, key) for key in "abcde"}
    await put(first, [each for turn in zip(*by_key.values(), strict=True) for each in turn])
    await first.close(0.5)
    sink = Sink()

    second = await disk(FaultyBackplane(inner=sink), concurrency=2)
    await second.flush(None)

    for key, records in by_key.items():
        assert ids([each for each in sink.records if each.experiment == key]) == ids(records)


async def test_closing_twice_keeps_the_books(disk: Disk) -> None:
    """Given a channel that kept events, when it is closed again, then they are still counted."""
    channel = await disk(FaultyBackplane([Hang()]))
    await put(channel, events(5))
    await channel.close(0.5)

    await channel.close(0.5)

    assert channel.statistics().handed_over == 5
