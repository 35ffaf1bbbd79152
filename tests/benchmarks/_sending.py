"""What a side that sends ready records costs: time, CPU, memory, and the loop's lag."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING
from uuid import uuid4

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import Exposure, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from experimentframework_core.envelope import Record
    from tests.benchmarks._run import Figures

    Send = Callable[[list[Record]], Awaitable[None]]


def ready_records(number: int, subjects: int, experiments: int = 1) -> list[Record]:
    """Return exposures of so many subjects and experiments, which take turns."""
    return [
        encode_record(
            Envelope(
                event_id=str(uuid4()),
                timestamp=utc_now(),
                event_type="exposure",
                schema_version="1.0.0",
                payload=Exposure(
                    experiment_name=f"checkout-{each % experiments}",
                    variant_key="express",
                    subject_id=f"subject-{each % subjects}",
                    selection_reason="hash-assignment",
                ),
                correlation_id=f"request-{each}",
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
        )
        for each in range(number)
    ]


async def costs(send: Send, records: list[Record], portion: int) -> Figures:
    """Send all records once for the costs, and once more for the loop's lag.

    Who watches the loop wakes it a thousand times a second, which would stand in the costs.
    """
    memory = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # The peak begins anew.
    cpu, wall = process_time(), perf_counter()
    await _send_all(send, records, portion)
    figures = {
        "cpu": (process_time() - cpu) / len(records) * 1e6,
        "per_second": len(records) / (perf_counter() - wall),
        "rss": (resident("VmHWM") - memory) / 1024,
    }
    lags: list[float] = []
    watching = asyncio.ensure_future(_watch(lags))
    await asyncio.sleep(0)
    await _send_all(send, records, portion)
    watching.cancel()
    figures["lag"] = sorted(lags)[len(lags) * 99 // 100] * 1e3
    return figures


async def _send_all(send: Send, records: list[Record], portion: int) -> None:
    for first in range(0, len(records), portion):
        await send(records[first : first + portion])


async def _watch(lags: list[float]) -> None:
    while True:
        slept = perf_counter()
        await asyncio.sleep(0.001)
        lags.append(perf_counter() - slept - 0.001)


def resident(name: str) -> int:
    """Return the process's resident memory in KiB: now, or at its peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{name}:")[1].split()[0])
