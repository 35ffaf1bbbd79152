"""A small shop: who sees the checkout is exposed to a variant, and who pays is an outcome."""

import hashlib
import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field

from experimentframework_core import Outcome, OutcomeType
from experimentframework_core.exposure import Subject, current_subject
from experimentframework_core.web import (
    RequestView,
    SubjectMiddleware,
    health_app,
    plane_lifespan,
)
from experimentframework_core.web.fastapi import Plane

CONFIGURATION = os.environ.get("EXPERIMENTS", Path(__file__).with_name("experiments.yaml"))
EXPERIMENT = "checkout"
VARIANTS = ("control", "express")


def user_of(request: RequestView) -> str | None:
    """Return who asks, for all that serves the request. A real shop reads its session here."""
    return request.cookies.get("user")


app = FastAPI(lifespan=plane_lifespan(CONFIGURATION))
app.add_middleware(SubjectMiddleware, provider=user_of)
app.mount("/health", health_app(lambda: app.state.plane, metrics=True))


def variant_of(user: str) -> str:
    """Return the user's variant: the same every time, in every process."""
    digest = hashlib.sha256(f"{EXPERIMENT}:{user}".encode()).digest()
    return VARIANTS[digest[0] % len(VARIANTS)]


@app.get("/checkout")
async def checkout(plane: Plane) -> dict[str, str | None]:
    """Show the checkout in the user's variant; whoever is unknown sees the usual one."""
    user = current_subject()
    if user is None:
        return {"variant": VARIANTS[0], "event": None}
    variant = variant_of(user.subject_id)
    receipt = await plane.expose(EXPERIMENT, variant, selection_reason="hash-assignment")
    return {"variant": variant, "event": receipt.event_id}


async def known_user() -> Subject:
    """Return who asks, or answer 401."""
    user = current_subject()
    if user is None:
        raise HTTPException(401, "who are you? send a cookie `user`")
    return user


class Purchase(BaseModel):
    """What a user pays."""

    amount: Annotated[float, Field(ge=0, allow_inf_nan=False)]


@app.post("/purchase")
async def purchase(
    plane: Plane, user: Annotated[Subject, Depends(known_user)], paid: Purchase
) -> dict[str, str | None]:
    """Take the money."""
    receipt = await plane.publish(
        Outcome(
            experiment_name=EXPERIMENT,
            subject_id=user.subject_id,
            outcome_type=OutcomeType.CONTINUOUS,
            name="orderValue",
            value=paid.amount,
        )
    )
    return {"event": receipt.event_id}
