"""Channels that keep a journal: what they recover, keep, and do when the disk fails."""

from __future__ import annotations

import asyncio
from itertools import repeat
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import HealthStatus
from experimentframework_core._disk import settings
from experimentframework_core._disk.journal import Journal
from experimentframework_core._disk.journal_data import Page, Turn
from experimentframework_core.errors import (
    AckTimeoutError,
    PartialBatchError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.testing import FaultyBackplane, Sink, fail, make_exposure, make_record
from tests.core._channels import ids, is_balanced

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._disk.journal_data import Commit, Want
    from experimentframework_core.envelope import Record
    from experimentframework_core.errors import DeliveryError
    from experimentframework_core.plugin import Backplane
    from tests.core.channel.conftest import Workshop


class Disk:
    """Opens channels, one after the other, on one folder."""

    def __init__(self, workshop: Workshop, path: Path) -> None:
        self._workshop = workshop
        self._path = path

    async def __call__(
        self, backplane: Backplane, buffer: dict[str, Any] | None = None, **rest: Any
    ) -> Channel:
        """Return an open channel."""
        bounds = {"type": "disk", "path": str(self._path), **(buffer or {})}
        channel = self._workshop(backplane, buffer=bounds, started=False, **rest)
        await channel.open()
        channel.start()
        return channel


@pytest.fixture
def disk(open_channel: Workshop, tmp_path: Path) -> Disk:
    return Disk(open_channel, tmp_path)


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have windows of four batches."""
    monkeypatch.setattr(settings, "WINDOW_EVENTS", 0)
    monkeypatch.setattr(settings, "WINDOW_BYTES", 0)


class Unopenable(FaultyBackplane):
    """Fails whenever it is opened."""

    def plugin(self, *_: object, **__: object) -> Any:
        return super().plugin(opening=repeat(TransientError("refused")))


def refusing() -> FaultyBackplane:
    return FaultyBackplane(afterwards=fail(UnavailableError("wrong password")))


def down() -> FaultyBackplane:
    return FaultyBackplane(afterwards=fail(TransientError("down")))


def events(number: int, key: str = "checkout") -> list[Record]:
    return [make_record(make_exposure(experiment_name=key)) for _ in range(number)]


async def put(channel: Channel, records: Sequence[Record]) -> None:
    for record in records:
        if not channel.offer(record):
            await channel.room.put(record)


async def leave(disk: Disk, records: Sequence[Record], **given: Any) -> None:
    """Leave the records on disk: the destination is down when the channel closes."""
    channel = await disk(down(), **given)
    await put(channel, records)
    await asyncio.sleep(20)
    await channel.close(1)


async def test_the_next_one_delivers_what_was_left(disk: Disk) -> None:
    """Given 50 events that a channel left, when another opens, then it delivers them in order."""
    records = events(50)
    await leave(disk, records)
    sink = Sink()

    channel = await disk(sink)
    await channel.flush(None)

    assert ids(sink.records) == ids(records)
    assert (channel.statistics().recovered, channel.statistics().delivered) == (50, 50)


async def test_nothing_is_delivered_again(disk: Disk) -> None:
    """Given a channel that delivered all, when another opens, then there is nothing to do."""
    first = await disk(Sink())
    await put(first, events(20))
    await first.close(5)

    second = await disk(Sink())

    assert second.statistics().recovered == 0


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("concurrency", [1, 3])
async def test_order_holds_beyond_the_windows(disk: Disk, concurrency: int) -> None:
    """Given 600 events of five keys and windows of eight, then each key arrives in order."""
    records = [make_record(make_exposure(experiment_name=f"e{n % 5}")) for n in range(600)]
    await leave(disk, records[:300], batch_size=2, concurrency=concurrency)
    sink = Sink()

    channel = await disk(sink, batch_size=2, concurrency=concurrency)
    await put(channel, records[300:])
    await channel.flush(None)

    for key in {record.experiment for record in records}:
        arrived = [record.event_id for record in sink.records if record.experiment == key]
        assert arrived == ids(record for record in records if record.experiment == key)


async def test_written_means_after_the_commit(disk: Disk) -> None:
    """Given an event just taken, then it is not written; a moment later it is, undelivered."""
    channel = await disk(down())
    (record,) = events(1)
    waiting = channel.promise("durable", record, record.event_id)
    channel.offer(record)
    at_once = waiting.done()

    await waiting

    assert (at_once, channel.statistics().delivered) == (False, 0)


async def test_closing_does_not_wait_for_a_destination_that_is_down(disk: Disk) -> None:
    """Given an open breaker, when the channel closes, then at once, and everything is kept."""
    channel = await disk(down())
    await put(channel, events(100))
    await asyncio.sleep(20)
    began = asyncio.get_running_loop().time()

    result = await channel.close(30)

    assert (result.remaining, result.kept, result.delivered) == (100, 100, 0)
    assert asyncio.get_running_loop().time() - began < 1
    assert channel.statistics().handed_over == 100


async def test_who_waits_for_the_delivery_is_told_at_the_closing(disk: Disk) -> None:
    """Given an awaited delivery, when the channel keeps the event, then the wait ends."""
    channel = await disk(down())
    (record,) = events(1)
    waiting = channel.ack(record.event_id)
    channel.offer(record)
    await asyncio.sleep(20)

    await channel.close(1)

    with pytest.raises(AckTimeoutError, match="kept on disk"):
        await waiting


async def test_closing_delivers_as_long_as_the_destination_answers(disk: Disk) -> None:
    sink = Sink()
    channel = await disk(sink)
    await put(channel, events(700))

    result = await channel.close(30)

    assert (result.remaining, len(sink.records)) == (0, 700)


async def test_overflow_writes_nothing_while_memory_has_room(disk: Disk) -> None:
    """Given room in memory, then nothing is written before the closing, which keeps it all."""
    overflow = {"type": "memory", "when_full": "overflow", "max_events": 100}
    channel = await disk(down(), overflow)
    await put(channel, events(40))
    await asyncio.sleep(20)
    unwritten = channel.health().diagnostics["journal"]["unwritten"]

    result = await channel.close(1)

    assert (unwritten, result.kept) == (40, 40)


async def test_overflow_goes_to_disk_when_memory_is_full(disk: Disk) -> None:
    """Given memory for 20, when 300 are taken, then none is lost, and order holds."""
    overflow = {"type": "memory", "when_full": "overflow", "max_events": 20}
    records = events(300)
    await leave(disk, records, buffer=overflow, batch_size=2)
    sink = Sink()

    channel = await disk(sink, overflow, batch_size=2)
    await channel.flush(None)

    assert ids(sink.records) == ids(records)


async def test_two_at_once_have_a_folder_each(disk: Disk) -> None:
    first, second = await disk(Sink()), await disk(Sink())

    folders = {c.health().diagnostics["journal"]["folder"][-4:] for c in (first, second)}

    assert folders == {"0001", "0002"}


async def test_what_a_neighbour_left_is_adopted(disk: Disk) -> None:
    """Given two journals that were left, when one channel opens, then it delivers both."""
    first, second = await disk(down()), await disk(down())
    records = events(30)
    await put(first, records[:10])
    await put(second, records[10:])
    await asyncio.sleep(20)
    await first.close(1)
    await second.close(1)
    sink = Sink()

    channel = await disk(sink)
    while channel.statistics().recovered < 30:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.1)
    await channel.flush(None)

    assert sorted(ids(sink.records)) == sorted(ids(records))
    assert is_balanced(channel.statistics())


async def test_an_age_counts_from_the_acceptance(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given events left an hour ago, and one minute to live, then they expire at once."""
    await leave(disk, events(5))
    defaults = settings.disk_buffer.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "wall", lambda: time() + 3600)
    sink = Sink()

    channel = await disk(sink, retry={"max_age_ms": 60_000})
    await put(channel, events(2))
    await channel.flush(None)

    assert (channel.statistics().expired, len(sink.records)) == (5, 2)


class TestAFailingDisk:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
        """A disk that takes nothing as long as it is broken."""
        state = {"broken": True}
        turn = Journal.turn

        async def fails(journal: Journal, commit: Commit | None, wants: Sequence[Want]) -> Turn:
            if not state["broken"]:
                return await turn(journal, commit, wants)
            pages = [Page((), want.after) for want in wants]
            return Turn(TransientError("no space"), pages, committed=commit is None)

        monkeypatch.setattr(Journal, "turn", fails)
        return state

    async def test_does_not_stop_deliveries(self, disk: Disk, broken: dict[str, bool]) -> None:
        sink = Sink()
        channel = await disk(sink)
        await put(channel, events(900))

        await channel.flush(None)
        await asyncio.sleep(5)

        assert len(sink.records) == 900
        assert channel.statistics().delivered == 900

    async def test_is_said_and_heals(self, disk: Disk, broken: dict[str, bool]) -> None:
        """Given a destination that hangs on, when the disk recovers, then all is written."""
        channel = await disk(FaultyBackplane(afterwards=fail(TransientError("busy"))))
        (record,) = events(1)
        waiting = channel.promise("durable", record, record.event_id)
        channel.offer(record)
        await asyncio.sleep(5)
        journal = channel.health().diagnostics["journal"]
        broken["broken"] = False

        await waiting

        assert (journal["error"], journal["unwritten"]) == ("no space", 1)
        assert channel.health().diagnostics["journal"]["error"] is None

    async def test_makes_health_degraded(self, disk: Disk, broken: dict[str, bool]) -> None:
        channel = await disk(Sink(), batch_size=1000, flush_interval_ms=60_000)
        await put(channel, events(1))
        await asyncio.sleep(1)

        health = channel.health()

        assert health.status is HealthStatus.DEGRADED
        assert "the journal cannot be used: no space" in health.description

    async def test_at_the_closing_loses_what_it_did_not_take(
        self, disk: Disk, broken: dict[str, bool]
    ) -> None:
        """Given events that could not be written nor delivered, then they are counted as lost."""
        channel = await disk(down())
        await put(channel, events(7))
        await asyncio.sleep(20)

        result = await channel.close(1)

        assert (result.remaining, result.kept) == (7, 0)
        assert channel.statistics().dropped == {"shutdown": 7}


async def test_closing_does_not_wait_for_a_destination_that_refuses_us(disk: Disk) -> None:
    """Given a destination that refuses us, when the channel closes, then at once, with all."""
    channel = await disk(refusing(), flush_interval_ms=1)
    await put(channel, events(10))
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()

    result = await channel.close(30)

    assert result.kept == 10
    assert asyncio.get_running_loop().time() - began < 1


async def test_closing_gives_up_a_destination_that_cannot_be_opened(disk: Disk) -> None:
    """Given one that cannot be opened, when the channel closes, then until the breaker opens."""
    channel = await disk(Unopenable(), flush_interval_ms=1)
    await put(channel, events(10))
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()

    result = await channel.close(30)

    assert result.kept == 10
    assert asyncio.get_running_loop().time() - began < 2


class OpensLater(FaultyBackplane):
    """Fails twice when it is opened."""

    def plugin(self, *_: object, **__: object) -> Any:
        return super().plugin(opening=[TransientError("starting")] * 2)


async def test_closing_tries_again_to_open(disk: Disk) -> None:
    """Given a destination that is just coming up, when a channel closes, then it delivers all."""
    await leave(disk, events(10))
    backplane = OpensLater()
    channel = await disk(backplane)

    result = await channel.close(10)

    assert (result.delivered, result.remaining) == (10, 0)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(TransientError("busy"), id="whole"),
        pytest.param(PartialBatchError({3: TransientError("busy")}), id="in part"),
    ],
)
async def test_closing_tries_again_what_failed_once(disk: Disk, failure: DeliveryError) -> None:
    """Given what was left, and one failure, when a channel closes, then it delivers all."""
    await leave(disk, events(10))
    channel = await disk(FaultyBackplane([fail(failure)]))

    result = await channel.close(10)

    assert (result.delivered, result.remaining) == (10, 0)


async def test_closing_delivers_what_is_not_refused(disk: Disk) -> None:
    """Given two records that are refused, when the channel closes, then it delivers the others."""
    left = [make_record(make_exposure(experiment_name=f"e{n}")) for n in range(10)]
    await leave(disk, left)
    refused = fail(PartialBatchError({0: UnavailableError("no topic"), 1: TransientError("no")}))
    channel = await disk(FaultyBackplane([refused]), batch_size=2)
    began = asyncio.get_running_loop().time()

    result = await channel.close(10)

    assert (result.delivered, result.kept) == (8, 2)
    assert asyncio.get_running_loop().time() - began < 1


async def test_what_is_refused_is_told_as_long_as_it_waits(disk: Disk) -> None:
    """Given a refusal in part, when others are delivered, then the health still says it."""
    refused = fail(PartialBatchError({0: UnavailableError("no topic")}))
    channel = await disk(FaultyBackplane([refused]), batch_size=2)
    await put(channel, [make_record(make_exposure(experiment_name=f"e{n}")) for n in range(10)])
    await asyncio.sleep(1)
    meanwhile = channel.health()

    await channel.flush(None)

    assert meanwhile.description == "the destination refuses us: no topic"
    assert channel.health().status is HealthStatus.HEALTHY
