"""A small shop: each checkout is an exposure, each purchase an outcome."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from experimentframework_core import (
    DataPlane,
    Exposure,
    HealthStatus,
    Outcome,
    OutcomeType,
)

CONFIGURATION = os.environ.get("EXPERIMENTS", Path(__file__).with_name("experiments.yaml"))
EXPERIMENT = "checkout"
VARIANTS = ("control", "express")

UserId = Annotated[str, Field(min_length=1, max_length=256)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the plane before the first request; drain it after the last one."""
    async with DataPlane.from_file(CONFIGURATION) as plane:
        app.state.plane = plane
        yield


def get_plane(request: Request) -> DataPlane:
    """Return the plane that `lifespan` opened."""
    plane: DataPlane = request.app.state.plane
    return plane


Plane = Annotated[DataPlane, Depends(get_plane)]
app = FastAPI(lifespan=lifespan)


def variant_of(user: str) -> str:
    """Return the user's variant: the same every time, in every process."""
    digest = hashlib.sha256(f"{EXPERIMENT}:{user}".encode()).digest()
    return VARIANTS[digest[0] % len(VARIANTS)]


@app.get("/checkout")
async def checkout(
    plane: Plane,
    user: Annotated[UserId, Query()],
) -> dict[str, str | None]:
    """Show the checkout in the user's variant."""
    variant = variant_of(user)
    receipt = await plane.publish(
        Exposure(
            experiment_name=EXPERIMENT,
            variant_key=variant,
            subject_id=user,
            selection_reason="hash-assignment",
        )
    )
    return {"variant": variant, "event": receipt.event_id}


class Purchase(BaseModel):
    """What a user pays."""

    user: UserId
    amount: Annotated[float, Field(ge=0, allow_inf_nan=False)]


@app.post("/purchase")
async def purchase(plane: Plane, paid: Purchase) -> dict[str, str | None]:
    """Take the money."""
    receipt = await plane.publish(
        Outcome(
            experiment_name=EXPERIMENT,
            subject_id=paid.user,
            outcome_type=OutcomeType.CONTINUOUS,
            name="orderValue",
            value=paid.amount,
        )
    )
    return {"event": receipt.event_id}


@app.get("/health")
async def health(plane: Plane) -> JSONResponse:
    """Say how the plane fares; 503 when events do not get through."""
    found = await plane.health()
    code = 503 if found.status is HealthStatus.UNHEALTHY else 200
    return JSONResponse(msgspec.to_builtins(found), status_code=code)
