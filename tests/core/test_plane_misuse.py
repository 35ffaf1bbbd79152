"""What users and plugins do wrong is said, counted, and harms nothing else."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import (
    BackplanePlugin,
    BufferOptions,
    ChannelSettings,
    DataPlane,
    DataPlaneOptions,
    InvalidEventError,
    Record,
)
from experimentframework_core.backplanes.memory import InMemoryBackplane
from experimentframework_core.testing import FaultyBackplane, make_exposure, slow
from tests.core._planes import check_accounts, in_virtual_time, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from experimentframework_core import OpenContext


class Options(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the plugins here."""


def plugin_of(
    value: object, key: Callable[[Record], Any] | None = None
) -> BackplanePlugin[Options]:
    @asynccontextmanager
    async def open_it(_options: Options, _context: OpenContext) -> AsyncIterator[Any]:
        yield value

    return BackplanePlugin(
        type="mine",
        options=Options,
        open=open_it,
        ordering_key=None if key is None else lambda record, _: key(record),
    )


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(lambda record: record.tenant.lower(), id="raises"),
        pytest.param(lambda _: ["a", "list"], id="is no text"),
    ],
)
async def test_a_bad_ordering_key_harms_no_event(key: Callable[[Record], Any]) -> None:
    """Given an ordering key that fails, when lanes are chosen by it, then all is delivered."""
    store = InMemoryBackplane()
    options = DataPlaneOptions(concurrency=2, buffer=BufferOptions(max_events=4))
    plane = DataPlane(options, backplane=plugin_of(store, key))

    async with plane:
        for _ in range(20):
            await plane.publish(make_exposure(), ack="delivered")

    assert len(store.records) == 20
    check_accounts(plane)


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_publish_is_rejected_or_delivered(turns: int) -> None:
    """Given publishes that wait for room, when they are cancelled, then the counts are true."""
    faulty = FaultyBackplane([slow(0.001)] * 5)
    buffer = BufferOptions(max_events=1, when_full="block")
    plane = DataPlane(DataPlaneOptions(batch_size=1, buffer=buffer), backplane=faulty)

    async with plane:
        tasks = [asyncio.ensure_future(plane.publish(make_exposure())) for n in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    statistics = plane.statistics()
    (channel,) = statistics.backplanes.values()
    check_accounts(plane)
    assert channel.enqueued == statistics.accepted == channel.delivered


class Broken(tzinfo):
    """A time zone that fails."""

    def utcoffset(self, _when: datetime | None) -> timedelta:
        message = "no idea"
        raise ValueError(message)

    tzname = dst = utcoffset  # type: ignore[assignment]


async def test_what_an_events_own_objects_raise_is_an_invalid_event() -> None:
    """Given a time whose zone raises, when it is published, then that is said and counted."""
    plane = DataPlane(backplane=InMemoryBackplane())

    async with plane:
        await plane.publish(make_exposure())
        with pytest.raises(InvalidEventError, match="no idea"):
            await plane.publish(make_exposure(timestamp=datetime(2026, 1, 1, tzinfo=Broken())))

    assert plane.statistics().rejected == 1
    check_accounts(plane)


async def test_a_plugin_that_opens_nothing_is_reported() -> None:
    """Given an open that yields None, when the plane runs, then health names the mistake."""
    options = DataPlaneOptions(shutdown_timeout_ms=10)
    plane = DataPlane(options, backplane=plugin_of(None))

    async with plane:
        async with asyncio.timeout(30):
            while "no deliver" not in (health := await plane.health()).description:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    assert health.status == "degraded"


async def test_a_cancelled_close_still_says_what_was_lost() -> None:
    """Given a slow destination, when aclose is cancelled, then the next call tells the loss."""
    plane = DataPlane(backplane=FaultyBackplane([slow(60)]))
    await plane.__aenter__()
    for _ in range(10):
        await plane.publish(make_exposure())
    closing = asyncio.ensure_future(plane.aclose())
    await asyncio.sleep(0.01)

    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    assert (await plane.aclose()).remaining == 10
    assert plane.statistics().backplanes["FaultyBackplane"].dropped == {"shutdown": 10}


@pytest.mark.parametrize("given", [InMemoryBackplane, 5, "sqlite"])
def test_what_is_no_backplane_is_refused(given: Any) -> None:
    """Given a class, a number or a name, when it is to be the backplane, then TypeError says so."""
    with pytest.raises(TypeError, match="async deliver"):
        DataPlane(backplane=given)


def test_options_are_an_object() -> None:
    """Given a dict, when it is to be the options, then TypeError says what to give."""
    options: Any = {"backplane": {"type": "inMemory"}}

    with pytest.raises(TypeError, match="DataPlaneOptions"):
        DataPlane(options)


class Stubborn:
    """Ignores the cancellation of its first call for a while, and notes how many run at once."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.delivered: list[str] = []

    async def deliver(self, batch: Sequence[Record]) -> None:
        first = not self.most
        self.running += 1
        self.most = max(self.most, self.running)
        until = asyncio.get_running_loop().time() + 5
        while first and asyncio.get_running_loop().time() < until:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.5)
        self.running -= 1
        self.delivered += [record.event_id for record in batch]


def test_a_backplane_object_is_never_called_twice_at_once() -> None:
    """Given an object that ignores its cancellation, when the batch comes again, then it waits."""
    stubborn = Stubborn()

    async def run() -> None:
        async with opened(stubborn, delivery_timeout_ms=100, flush_interval_ms=1) as plane:
            await plane.publish(make_exposure())
            await plane.flush()

    in_virtual_time(run())

    assert stubborn.most == 1
    assert len(set(stubborn.delivered)) == 1
