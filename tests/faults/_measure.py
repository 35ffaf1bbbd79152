"""What a child measures of itself: memory, time of a publish, lag of the loop."""

from __future__ import annotations

import asyncio
import resource
from array import array
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experimentframework_core import DataPlane
    from tests.faults._notes import Notes
    from tests.faults._publisher import Publisher

_lag_every = 0.005
_sample_every = 0.2


def resident_bytes() -> int:
    """Return how much memory of this process is resident."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def quantile(values: array[int] | array[float] | list[float], share: float) -> float:
    """Return the value below which that share of the values lies; 0.0 of none."""
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else 0.0


class Meter:
    """Samples until it is stopped, then writes one note, ``measured``."""

    def __init__(self, publisher: Publisher, notes: Notes) -> None:
        """Hold the parts; `start` begins."""
        self._publisher = publisher
        self._notes = notes
        self._lags = array("d")
        self._resident: list[int] = []
        self._buffered: list[tuple[float, int]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, plane: DataPlane) -> None:
        """Begin to sample."""
        self._tasks = [
            asyncio.create_task(self._watch_loop()),
            asyncio.create_task(self._watch_memory(plane)),
        ]

    async def stop(self) -> None:
        """End, and tell."""
        for task in self._tasks:
            task.cancel()
        times = self._publisher.times
        self._notes.tell(
            "measured",
            growth=max(self._resident) - self._resident[0],
            publish_p50_us=quantile(times, 0.5) / 1000,
            publish_p99_us=quantile(times, 0.99) / 1000,
            lag_p99_ms=quantile(self._lags, 0.99) * 1000,
            buffered=self._buffered,
        )

    async def _watch_loop(self) -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(_lag_every)
            self._lags.append(perf_counter() - began - _lag_every)

    async def _watch_memory(self, plane: DataPlane) -> None:
        while True:
            self._resident.append(resident_bytes())
            channels = plane.statistics().backplanes.values()
            self._buffered.append((monotonic(), sum(each.buffered for each in channels)))
            await asyncio.sleep(_sample_every)
