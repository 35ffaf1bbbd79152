"""Our side: planes over backplanes that do nothing, hang, or wait at a gate."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experimentframework_core import DataPlane
from experimentframework_core.config import (
    BufferOptions,
    DataPlaneOptions,
    PiiRedactionOptions,
)
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from contextlib import AbstractContextManager

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane

defaults = DataPlaneOptions()
never = 3_600_000
roomy = BufferOptions(max_events=4_000_000, max_bytes=16 * 2**30)


class NoOp:
    """Confirms every batch at once and counts it."""

    def __init__(self) -> None:
        self.delivered = 0

    async def deliver(self, batch: Sequence[Record]) -> None:
        self.delivered += len(batch)


class Gated(NoOp):
    """Confirms nothing until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def deliver(self, batch: Sequence[Record]) -> None:
        await self.gate.wait()
        await super().deliver(batch)


def on_disk(folder: str) -> BufferOptions:
    """Return a buffer on disk with room for all; publishers wait where the disk is slower."""
    return BufferOptions(
        type="disk",
        path=folder,
        max_events=4_000_000,
        max_bytes=16 * 2**30,
        block_timeout_ms=60_000,
    )


variants: dict[str, dict[str, Any]] = {
    "plain": {},
    "gates": {
        "sampling_rate": 0.999999,
        "pii_redaction": PiiRedactionOptions(redact_fields=("country",)),
    },
    "hashKey": {
        "pii_redaction": PiiRedactionOptions(
            redact_subject_ids=True, hash_key=Secret("a key of a benchmark, 32 bytes..")
        ),
    },
    "everything": {
        "sampling_rate": 0.999999,
        "pii_redaction": PiiRedactionOptions(
            redact_subject_ids=True,
            redact_fields=("country",),
            hash_key=Secret("a key of a benchmark, 32 bytes.."),
        ),
    },
}
"""Options by name. The sampling rate keeps (nearly) every subject, but each is decided."""

variants["observed"] = variants["gates"]

_with_span = {"gates", "observed", "everything"}
_with_metrics = {"observed"}


@asynccontextmanager
async def plane(
    backplane: Backplane,
    variant: str = "plain",
    *,
    buffer: BufferOptions = defaults.buffer,
    flush_interval_ms: int = defaults.flush_interval_ms,
) -> AsyncIterator[DataPlane]:
    """Open a plane with the options, span and metrics of the variant."""
    options = DataPlaneOptions(
        **variants[variant],
        buffer=buffer,
        flush_interval_ms=flush_interval_ms,
        delivery_timeout_ms=never,
    )
    async with AsyncExitStack() as stack:
        if variant in _with_span:
            stack.enter_context(_span())
        if variant in _with_metrics:
            stack.enter_context(_metrics())
        yield await stack.enter_async_context(DataPlane(options, backplane=backplane))


@contextmanager
def _metrics() -> Iterator[None]:
    """Set a meter provider whose reader exports all metrics each second, to nowhere."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        PeriodicExportingMetricReader,
    )

    with Path(os.devnull).open("w") as nowhere:
        exporter = ConsoleMetricExporter(out=nowhere)
        provider = MeterProvider([PeriodicExportingMetricReader(exporter, 1_000)])
        metrics.set_meter_provider(provider)
        yield
        provider.shutdown()


def _span() -> AbstractContextManager[object]:
    """Make a sampled span the current one. Without the import nobody asks for a span."""
    from opentelemetry import trace

    context = trace.SpanContext(
        trace_id=0x0AF7651916CD43DD8448EB211C80319C,
        span_id=0xB7AD6B7169203331,
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.use_span(trace.NonRecordingSpan(context))
