"""The public API as applications write it; type checkers read this file, nothing runs it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_type

from polars import DataFrame

from experimentframework_core import (
    BackplaneOptions,
    DataPlane,
    DataPlaneOptions,
    Envelope,
    EventStream,
    Exposure,
    FlushResult,
    Health,
    Outcome,
    OutcomeType,
    Payload,
    Receipt,
    Record,
    ReloadResult,
    Selection,
    Statistics,
    event,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@event("purchase", version="1.0.0")
class Purchase(Payload, frozen=True, kw_only=True):
    subject_id: str
    amount: float


class Printing:
    async def deliver(self, batch: Sequence[Record]) -> None:
        """Take the batch."""


async def publish() -> None:
    async with DataPlane(DataPlaneOptions(batch_size=10), backplane=Printing()) as plane:
        assert_type(plane, DataPlane)
        exposure = Exposure(
            experiment_name="checkout",
            variant_key="express",
            subject_id="u-42",
            selection_reason="hash-assignment",
        )
        outcome = Outcome(
            experiment_name="checkout",
            subject_id="u-42",
            outcome_type=OutcomeType.BINARY,
            name="converted",
            value=1.0,
        )
        assert_type(await plane.publish(exposure), Receipt)
        assert_type(await plane.publish(outcome, ack="delivered", correlation_id="c"), Receipt)
        assert_type(plane.publish_nowait(Purchase(subject_id="u", amount=1.5)), Receipt)
        assert_type(plane.publish_threadsafe(exposure, ack="accepted", timeout=1.5), Receipt)
        assert_type(plane.seal(exposure, metadata={"a": 1}), Record | Receipt)
        assert_type(await plane.flush(timeout=1), FlushResult)
        assert_type(await plane.health(), Health)
        assert_type(await plane.reload(), ReloadResult)
        assert_type(plane.statistics(), Statistics)
        assert_type(plane.closing, FlushResult | None)
        await plane.publish({"type": "exposure"})  # type: ignore[arg-type]
        await plane.publish(exposure, ack="sent")  # type: ignore[arg-type]
    Exposure(experiment_name="checkout")  # type: ignore[call-arg]
    assert_type(DataPlane.from_file("experiments.yaml"), DataPlane)
    assert_type(DataPlane(DataPlaneOptions(backplane=BackplaneOptions(type="inMemory"))), DataPlane)


async def read(plane: DataPlane) -> None:
    stream = plane.read(types=["exposure"], since=datetime(2026, 3, 1, tzinfo=UTC), follow=True)
    assert_type(stream, EventStream)
    assert_type([envelope async for envelope in stream], list[Envelope])
    assert_type([batch async for batch in plane.read().read_batches(10)], list[list[Envelope]])
    assert_type(await plane.read(Selection(), backplane="events").to_polars(), DataFrame)
    assert_type(stream.checkpoint, str | None)
    plane.read(type="exposure")  # type: ignore[call-arg]
    plane.read(since="2026-03-01")  # type: ignore[arg-type]
