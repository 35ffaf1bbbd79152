"""A destination that does not answer: retried with the same records, never dead-lettered."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise, repeat
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.status import FlushResult, HealthStatus
from experimentframework_core.testing import FaultyBackplane, Sink, deliver, fail
from tests.core._channels import LettersInMemory, ids, make, make_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from experimentframework_core.testing import Fault
    from tests.core.channel.conftest import Workshop

down = fail(TransientError("connection refused"))


def gaps(faulty: FaultyBackplane) -> list[float]:
    return [round(later.at - earlier.at, 3) for earlier, later in pairwise(faulty.calls)]


async def test_the_same_records_come_again(open_channel: Workshop) -> None:
    """Given a transient failure, when more records are queued, then the same batch comes again."""
    sink = Sink()
    faulty = FaultyBackplane([down, down], inner=sink)
    channel = open_channel(faulty, batch_size=3)
    for record in make_many("abcd"):
        channel.offer(record)

    await channel.flush(None)

    assert [ids(call.batch) for call in faulty.calls] == [list("abc")] * 3 + [["d"]]
    assert ids(sink.records) == list("abcd")
    assert channel.statistics().retried == 6


async def test_waits_grow_up_to_their_bound(open_channel: Workshop) -> None:
    """Given failures and the longest draws, then waits double from the first to the maximum."""
    faulty = FaultyBackplane([down] * 8)
    channel = open_channel(
        faulty, retry={"initial_delay_ms": 100, "max_delay_ms": 1000}, breaker=ALWAYS_CLOSED
    )
    channel.offer(make("a"))

    await channel.flush(None)

    assert gaps(faulty) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]


async def test_retry_after_is_the_least_wait(open_channel: Workshop) -> None:
    """Given a destination that asks for 90 s, then nothing is sent before, and at once after."""
    faulty = FaultyBackplane([fail(TransientError("busy", retry_after=90))])
    channel = open_channel(faulty)
    channel.offer(make("a"))

    await channel.flush(None)

    assert gaps(faulty) == [90.0]


async def test_unavailable_waits_long_and_is_unhealthy(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a missing topic, then health says so, waits are long, and nothing is given up."""
    sink = Sink()
    missing = fail(UnavailableError("no topic 'exposures'"))
    faulty = FaultyBackplane([missing] * 4, inner=sink)
    channel = open_channel(faulty, draw=lambda: 0.5, retry={"max_attempts": 2})
    channel.offer(make("a"))
    await channel.flush(10)

    health = channel.health()
    await channel.flush(None)

    assert health.status is HealthStatus.UNHEALTHY
    assert "no topic 'exposures'" in health.description
    assert min(gaps(faulty)) >= 15
    assert (ids(sink.records), letters.letters) == (["a"], [])
    assert channel.health().status is HealthStatus.HEALTHY


@pytest.mark.parametrize("draw", [0.0, 0.5, 1.0])
async def test_an_outage_of_ten_minutes_is_not_poison(
    open_channel: Workshop, letters: LettersInMemory, draw: float
) -> None:
    """Given ten minutes of refusals, then no dead letter, few probes, and all arrives after."""
    sink = Sink()
    healed_at = asyncio.get_running_loop().time() + 600
    faulty = FaultyBackplane(inner=sink, afterwards=until(healed_at))
    channel = open_channel(faulty, draw=lambda: draw, retry={"max_attempts": 3})
    for number in range(2000):
        channel.offer(make(number, f"key-{number % 7}"))

    result = await channel.flush(600)
    probes = [call.at for call in faulty.calls]
    health = channel.health()
    await channel.flush(None)

    assert (result.delivered, result.remaining, result.timed_out) == (0, 2000, True)
    assert health.status is HealthStatus.UNHEALTHY
    assert health.diagnostics["breaker"] == "open"
    assert letters.letters == []
    # Once the pauses have grown, a probe comes at most every 30 s, less the jitter of one half.
    assert all(later - earlier >= 15 for earlier, later in pairwise(probes[10:]))
    assert len(probes) <= 10 + 600 / 15
    assert ids(sink.records) == [str(number) for number in range(2000)]
    assert channel.health().status is HealthStatus.HEALTHY


async def test_the_breaker_probes_with_one_batch(open_channel: Workshop) -> None:
    """Given an open breaker, when its time is over, then one probe decides whether it closes."""
    faulty = FaultyBackplane([down] * 3)
    channel = open_channel(
        faulty,
        draw=lambda: 1.0,
        retry={"initial_delay_ms": 1},
        breaker={"failure_threshold": 2, "open_ms": 5000},
        batch_size=1,
    )
    for name in "abc":
        channel.offer(make(name))

    await channel.flush(None)

    assert gaps(faulty) == [0.001, 5.0, 10.0, 0.0, 0.0]
    assert channel.health().diagnostics["breaker"] == "closed"


async def test_a_healthy_lane_keeps_quiet(
    open_channel: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a destination that works, when batches are delivered, then no warning is logged."""
    channel = open_channel(FaultyBackplane(repeat(deliver)))

    for number in range(1000):
        channel.offer(make(number))
    await channel.flush(None)
    await channel.close(5)

    assert caplog.records == []


async def test_a_long_outage_is_logged_once_a_minute_at_most(
    open_channel: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Given many failures within a minute of real time, then one warning says so."""
    faulty = FaultyBackplane([down] * 30)
    channel = open_channel(faulty)
    channel.offer(make("a"))

    await channel.flush(None)

    messages = [record.getMessage() for record in caplog.records]
    assert [message.split()[0] for message in messages] == ["experimentframework.delivery_failed"]


async def test_a_delivery_gets_what_it_cannot_change(open_channel: Workshop) -> None:
    """Given a plugin that empties its batch and fails, then the same records come again."""
    vandal = Vandal()
    channel = open_channel(vandal)
    for record in make_many("abc"):
        channel.offer(record)

    await channel.flush(None)

    assert vandal.batches == [list("abc"), list("abc")]


class Vandal:
    """Tries to change its batch, then fails for now; delivers the next time."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    async def deliver(self, batch: Sequence[Record]) -> None:
        self.batches.append(ids(batch))
        if len(self.batches) > 1:
            return
        for change in ("clear", "pop", "reverse"):
            if hasattr(batch, change):
                getattr(batch, change)()
        with pytest.raises((AttributeError, TypeError)):
            batch[0].body = b""  # type: ignore[misc]  # the test's point
        raise TransientError("try again")


ALWAYS_CLOSED = {"failure_threshold": 1_000_000}


def until(time: float) -> Fault:
    async def fault(inner: Backplane, batch: Sequence[Record]) -> None:
        if asyncio.get_running_loop().time() < time:
            raise TransientError("down")
        await inner.deliver(batch)

    return fault


class Broken(logging.Handler):
    """A handler of the application's that fails."""

    def emit(self, _record: logging.LogRecord) -> None:
        raise ValueError("the log server is away")


async def test_no_failure_of_logging_ends_the_delivery(open_channel: Workshop) -> None:
    """Given log lines that fail, When the destination heals, Then all is delivered."""
    faulty = FaultyBackplane([down, down], inner=Sink())
    channel = open_channel(faulty)
    channel.offer(make("a"))
    found, broken = logging.getLogger("experimentframework"), Broken()
    found.addHandler(broken)

    flushed = await channel.flush(60)
    found.removeHandler(broken)

    assert flushed == FlushResult(1, 0, timed_out=False)
