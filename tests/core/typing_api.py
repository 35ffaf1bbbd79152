"""The public API as applications write it; type checkers read this file, nothing runs it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_type

from fastapi import FastAPI
from litestar import Litestar
from litestar.middleware import DefineMiddleware
from polars import DataFrame
from starlette.applications import Starlette
from starlette.middleware import Middleware

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
from experimentframework_core.exposure import Decision, Subject, exposure, identify
from experimentframework_core.web import PlaneMiddleware, SubjectMiddleware, plane_lifespan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


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
        assert_type(await plane.expose("checkout", "express", subject="u-42"), Receipt)
        assert_type(await plane.expose("checkout", "express", ack="durable"), Receipt)
        await plane.expose("checkout", "express", ack="soon")  # type: ignore[arg-type]
        assert_type(plane.expose_sync("checkout", "express", rule_path="rules[0]"), Receipt)
        decision = await plane.decide("checkout", variant_key="express", attributes={"a": 1})
        assert_type(decision, Decision)
        assert_type(await decision.use(), str)
        assert_type(plane.decide_sync("checkout", "express").use_sync(), str)
        with identify(Subject("u-42")) as subject:
            assert_type(subject, Subject | None)
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


@exposure("checkout", parameter="variant")
async def decorated(variant: str, *, page: int = 1) -> bytes:
    return variant.encode() * page


@exposure("checkout", lambda call: str(call["amount"]), selection_reason="rule")
def decorated_sync(amount: float) -> float:
    return amount


async def call() -> None:
    assert_type(await decorated("express", page=2), bytes)
    assert_type(decorated_sync(1.0), float)
    await decorated(page=2)  # type: ignore[call-arg]


@asynccontextmanager
async def own(app: Starlette) -> AsyncIterator[dict[str, int]]:
    yield {"answer": 42}


def serve() -> tuple[object, ...]:
    starlette = Starlette(
        lifespan=plane_lifespan("experiments.yaml", own),
        middleware=[Middleware(SubjectMiddleware, provider=lambda request: request.path)],
    )
    litestar = Litestar(
        lifespan=[plane_lifespan("experiments.yaml")],
        middleware=[DefineMiddleware(SubjectMiddleware, provider=lambda request: None)],
    )
    fastapi = FastAPI(lifespan=plane_lifespan(lambda: DataPlane(backplane=Printing())))
    return litestar, fastapi, PlaneMiddleware(starlette, "experiments.yaml")
