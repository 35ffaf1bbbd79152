"""Plugins that hang: cancelled at the deadline, abandoned when they ignore it, never waited for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._channel.channel import Channel
from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.status import HealthStatus
from experimentframework_core.testing import FaultyBackplane, Hang, Sink
from tests.core._channels import LettersInMemory, configure, ids, key_of, make, make_many
from tests.core.channel.conftest import opener_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from experimentframework_core.plugin import Backplane, OpenContext
    from tests.core.channel.conftest import Workshop


async def test_a_delivery_that_hangs_is_cancelled_and_repeated(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a delivery that hangs, then after deliveryTimeoutMs the same records come again."""
    hang, sink = Hang(), Sink()
    faulty = FaultyBackplane([hang], inner=sink)
    channel = open_channel(faulty, delivery_timeout_ms=30_000)
    for record in make_many("abc"):
        channel.offer(record)

    await channel.flush(None)

    assert [ids(call.batch) for call in faulty.calls] == [list("abc")] * 2
    assert faulty.calls[1].at - faulty.calls[0].at == pytest.approx(30.1)
    assert (hang.cancellations, faulty.opened, letters.letters) == (1, 1, [])


async def test_a_plugin_that_ignores_cancellation_is_abandoned(open_channel: Workshop) -> None:
    """Given a delivery that cannot be stopped, then another instance delivers, health tells."""
    hang, sink = Hang(stubborn=99), Sink()
    faulty = FaultyBackplane([hang], inner=sink)
    channel = open_channel(faulty)
    channel.offer(make("a"))

    await channel.flush(35)
    health = channel.health()
    await channel.flush(None)
    hang.release()

    assert health.diagnostics["abandoned_calls"] == 1
    assert (faulty.opened, faulty.closed) == (2, 1)
    assert ids(sink.records) == ["a"]
    assert channel.health().status is HealthStatus.HEALTHY


async def test_an_abandoned_plugin_that_hangs_in_closing_too() -> None:
    """Given a plugin that neither ends nor closes, then the lane goes on with a new instance."""
    instances: list[Stubborn] = []

    def build() -> Stubborn:
        instances.append(Stubborn(hangs=not instances))
        return instances[-1]

    channel = open_with(build)
    channel.offer(make("a"))

    result = await channel.flush(None)

    assert result.delivered == 1
    assert len(instances) == 2
    for instance in instances:
        instance.released.set()


async def test_a_hang_does_not_hold_up_another_channel(open_channel: Workshop) -> None:
    """Given one destination that hangs, then another one gets everything in its time."""
    stuck = open_channel(FaultyBackplane([Hang(stubborn=1)] * 3))
    free = open_channel(FaultyBackplane())
    stuck.offer(make("a"))
    await asyncio.sleep(2)
    began = asyncio.get_running_loop().time()

    for number in range(500):
        free.offer(make(number))
    await free.flush(None)

    assert asyncio.get_running_loop().time() == began


class TestOpening:
    async def test_is_tried_again_until_it_works(self, letters: LettersInMemory) -> None:
        """Given a backplane that cannot be opened at first, then its records wait, and arrive."""
        sink = Sink()
        faulty = FaultyBackplane(inner=sink)
        errors = [TransientError("refused"), OSError("no route"), ValueError("bug")]
        channel = start(faulty, errors)
        channel.offer(make("a"))
        await asyncio.sleep(0.01)
        sick = channel.health()

        await channel.flush(None)

        assert sick.status is HealthStatus.DEGRADED
        assert "refused" in sick.description
        assert (ids(sink.records), letters.letters) == (["a"], [])
        assert channel.health().status is HealthStatus.HEALTHY
        await channel.close(1)

    async def test_that_is_refused_is_unhealthy(self) -> None:
        """Given wrong credentials, then health says so, and the next attempt comes late."""
        faulty = FaultyBackplane()
        channel = start(faulty, [UnavailableError("wrong password")])
        await asyncio.sleep(20)

        health, opened = channel.health(), faulty.opened
        await asyncio.sleep(20)

        assert health.status is HealthStatus.UNHEALTHY
        assert "wrong password" in health.description
        assert (opened, faulty.opened) == (0, 1)
        await channel.close(1)

    @pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit("odd")])
    async def test_survives_what_is_no_exception(self, error: BaseException) -> None:
        """Given an open that raises what no ``except Exception`` catches, then it is repeated."""
        faulty = FaultyBackplane()
        channel = start(faulty, [error])
        channel.offer(make("a"))

        result = await channel.flush(60)

        assert result.delivered == 1
        await channel.close(1)

    @pytest.mark.parametrize("ignores", [0, 99])
    async def test_that_hangs_has_a_deadline(self, ignores: int) -> None:
        """Given an open that hangs, then after openTimeoutMs it is tried again."""
        opening = SlowOpening(hangs=2, ignores=ignores)
        channel = Channel(configure(), opener=opening, key=key_of, draw=lambda: 1.0)
        channel.start()
        channel.offer(make("a"))
        began = asyncio.get_running_loop().time()

        result = await channel.flush(None)

        assert result.delivered == 1
        assert opening.began == 3
        assert asyncio.get_running_loop().time() - began == pytest.approx(20.3)
        opening.released.set()
        await asyncio.sleep(0.1)
        await channel.close(1)
        assert opening.open == 0

    async def test_that_raises_at_the_call(self) -> None:
        """Given an open that is broken before it gives a context manager, then it is repeated."""
        faulty = FaultyBackplane()
        works = opener_of(faulty.plugin())
        calls: list[str] = []

        def opener(context: OpenContext) -> object:
            calls.append(context.name)
            if len(calls) == 1:
                raise ValueError("broken")
            return works(context)

        channel = Channel(configure(), opener=opener, key=key_of)  # type: ignore[arg-type]
        channel.start()
        channel.offer(make("a"))

        assert (await channel.flush(None)).delivered == 1
        await channel.close(1)

    async def test_tells_the_plugin_where_it_is(self) -> None:
        """Given two lanes, then each instance learns its lane, the name and the deadline."""
        contexts: list[OpenContext] = []

        @asynccontextmanager
        async def opener(context: OpenContext) -> AsyncIterator[Backplane]:
            contexts.append(context)
            yield Sink()

        channel = Channel(
            configure(concurrency=2, delivery_timeout_ms=1500), opener=opener, key=key_of
        )
        channel.start()
        await asyncio.sleep(1)
        await channel.close(1)

        assert [(each.name, each.lane, each.lanes) for each in contexts] == [
            ("faulty", 0, 2),
            ("faulty", 1, 2),
        ]
        assert contexts[0].delivery_timeout == 1.5


async def test_a_ping_that_hangs_has_a_deadline(open_channel: Workshop) -> None:
    """Given a destination that takes a ping and never answers, then the ping ends."""
    channel = open_channel(PingHangs(), delivery_timeout_ms=2000)
    await asyncio.sleep(1)

    with pytest.raises(TransientError, match="took longer than 2 s"):
        await channel.ping()


async def test_a_ping_before_it_is_open(open_channel: Workshop) -> None:
    """Given a channel that has not opened yet, then a ping says so."""
    channel = open_channel(FaultyBackplane())

    with pytest.raises(TransientError, match="not open yet"):
        await channel.ping()


async def test_an_internal_error_does_not_end_the_lane(
    open_channel: Workshop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a bug of our own in a step, then it is logged once, and the lane goes on."""
    faulty = FaultyBackplane()
    channel = open_channel(faulty)
    stumbles = iter([True] * 5)
    expire = channel._lanes[0]._schedule.expire

    def broken(now: float) -> object:
        if next(stumbles, False):
            raise ZeroDivisionError
        return expire(now)

    monkeypatch.setattr(channel._lanes[0]._schedule, "expire", broken)
    channel.offer(make("a"))
    result = await channel.flush(None)

    assert result.delivered == 1
    names = [record.getMessage().split()[0] for record in caplog.records]
    assert names == ["experimentframework.lane_failed"]


def start(faulty: FaultyBackplane, opening: Iterable[BaseException]) -> Channel:
    opener = opener_of(faulty.plugin(opening))
    channel = Channel(configure(), opener=opener, key=key_of, draw=lambda: 1.0)
    channel.start()
    return channel


def open_with(build: Callable[[], Stubborn]) -> Channel:
    @asynccontextmanager
    async def opener(_context: OpenContext) -> AsyncIterator[Backplane]:
        instance = build()
        yield instance
        await instance.ending()

    channel = Channel(configure(), opener=opener, key=key_of, draw=lambda: 1.0)
    channel.start()
    return channel


class Stubborn:
    """Where it hangs, it ends neither its delivery nor its closing before it is released."""

    def __init__(self, *, hangs: bool) -> None:
        self.released = asyncio.Event()
        self.hangs = hangs

    async def _hang(self) -> None:
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue

    async def deliver(self, batch: object) -> None:
        if self.hangs:
            await self._hang()

    async def ending(self) -> None:
        if self.hangs:
            await self._hang()


class SlowOpening:
    """Opens a sink; the first ``hangs`` times it takes until it is released."""

    def __init__(self, *, hangs: int, ignores: int) -> None:
        self.released = asyncio.Event()
        self.began = 0
        self.open = 0
        self._hangs = hangs
        self._ignores = ignores

    @asynccontextmanager
    async def __call__(self, context: OpenContext) -> AsyncIterator[Backplane]:
        self.began += 1
        if self.began <= self._hangs:
            await self._hang()
        self.open += 1
        yield Sink()
        self.open -= 1

    async def _hang(self) -> None:
        ignored = 0
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                ignored += 1
                if ignored > self._ignores:
                    raise


class PingHangs(Sink):
    async def ping(self) -> None:
        await asyncio.Event().wait()
