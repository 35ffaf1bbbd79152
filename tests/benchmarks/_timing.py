"""Timing of single calls, in a tight loop and paced, with the timer's own cost taken off."""

from __future__ import annotations

import asyncio
from array import array
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

turn_every = 500


def timer_cost() -> int:
    """Return the median of what two clock readings with nothing in between show, in ns."""
    samples = array("q", bytes(8 * 20_000))
    now = perf_counter_ns
    for number in range(len(samples)):
        started = now()
        samples[number] = now() - started
    return sorted(samples)[len(samples) // 2]


def summary(samples: Sequence[int], cost: int) -> dict[str, float]:
    """Return percentiles, mean and maximum in ns, each less the timer's cost."""
    ordered = sorted(samples)
    count = len(ordered)
    return {
        "p50": ordered[count // 2] - cost,
        "p99": ordered[min(count - 1, count * 99 // 100)] - cost,
        "p999": ordered[min(count - 1, count * 999 // 1000)] - cost,
        "max": ordered[-1] - cost,
        "mean": sum(ordered) / count - cost,
        "timer": cost,
    }


class ProcessorShare:
    """How much of a processor this thread got since: less than 1 in a tight loop means others."""

    def __init__(self) -> None:
        self._wall = perf_counter_ns()
        self._cpu = thread_time_ns()

    def figures(self) -> dict[str, float]:
        wall = perf_counter_ns() - self._wall
        return {"share": (thread_time_ns() - self._cpu) / wall}


async def tight(
    call: Callable[..., Any],
    make: Callable[[int], tuple[Any, ...]],
    count: int,
    *,
    after_turn: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Time ``count`` plain calls; between each 500 the loop turns, outside the timed part."""
    cost = timer_cost()
    samples = array("q", bytes(8 * count))
    now = perf_counter_ns
    share = ProcessorShare()
    for number in range(count):
        arguments = make(number)
        started = now()
        call(*arguments)
        samples[number] = now() - started
        if not number % turn_every:
            if after_turn is not None:
                after_turn()
            await asyncio.sleep(0)
    return summary(samples, cost) | share.figures()


async def tight_await(
    call: Callable[..., Awaitable[object]],
    make: Callable[[int], tuple[Any, ...]],
    count: int,
) -> dict[str, float]:
    """Time ``count`` awaited calls. The loop turns only where the call itself lets it."""
    cost = timer_cost()
    samples = array("q", bytes(8 * count))
    now = perf_counter_ns
    share = ProcessorShare()
    for number in range(count):
        arguments = make(number)
        started = now()
        await call(*arguments)
        samples[number] = now() - started
    return summary(samples, cost) | share.figures()


async def paced(
    call: Callable[..., Any],
    make: Callable[[int], tuple[Any, ...]],
    *,
    awaits: bool,
    seconds: float,
    rate: int = 5_000,
) -> dict[str, float]:
    """Time calls in bursts of what is due each millisecond, and the loop's own lag.

    The lag is how much later than asked a sleep of 1 ms ends.
    """
    cost = timer_cost()
    total = int(rate * seconds)
    samples = array("q", bytes(8 * total))
    lags: list[int] = []
    now = perf_counter_ns
    sent = 0
    begin = now()
    while sent < total:
        slept = now()
        await asyncio.sleep(0.001)
        woke = now()
        lags.append(woke - slept - 1_000_000)
        due = min(total, (woke - begin) * rate // 1_000_000_000)
        for number in range(sent, due):
            arguments = make(number)
            started = now()
            if awaits:
                await call(*arguments)
            else:
                call(*arguments)
            samples[number] = now() - started
        sent = due
    lags.sort()
    return {
        **summary(samples, cost),
        "lag_p99": lags[len(lags) * 99 // 100],
        "lag_max": lags[-1],
    }


async def worst(
    call: Callable[..., Awaitable[object]],
    make: Callable[[int], tuple[Any, ...]],
    numbers: range,
) -> dict[str, float]:
    """Return the slowest awaited call by the wall clock and by the thread's own CPU time, in ns."""
    wall = cpu = 0
    for number in numbers:
        arguments = make(number)
        cpu_started, started = thread_time_ns(), perf_counter_ns()
        await call(*arguments)
        wall = max(wall, perf_counter_ns() - started)
        cpu = max(cpu, thread_time_ns() - cpu_started)
    return {"worst": wall, "worst_cpu": cpu}
