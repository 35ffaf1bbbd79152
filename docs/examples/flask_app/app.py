"""A small shop in Flask: each checkout is an exposure, each purchase an outcome."""

import hashlib
import os
from pathlib import Path
from typing import Annotated

import msgspec
from flask import Flask, abort, request
from flask.typing import ResponseReturnValue

from experimentframework_core import HealthStatus, Outcome, OutcomeType
from experimentframework_core.sync import SyncDataPlane

EXPERIMENT = "checkout"
VARIANTS = ("control", "express")
LONGEST_USER = 256

app = Flask(__name__)
plane = SyncDataPlane.from_file(
    os.environ.get("EXPERIMENTS", Path(__file__).with_name("experiments.yaml"))
)


def variant_of(user: str) -> str:
    """Return the user's variant: the same every time, in every process."""
    digest = hashlib.sha256(f"{EXPERIMENT}:{user}".encode()).digest()
    return VARIANTS[digest[0] % len(VARIANTS)]


def current_user() -> str:
    """Return who asks, or answer 401. A real shop reads its session here."""
    user = request.cookies.get("user", "")
    if not 0 < len(user) <= LONGEST_USER:
        abort(401)
    return user


class Purchase(msgspec.Struct):
    """What a user pays."""

    amount: Annotated[float, msgspec.Meta(ge=0)]


def paid_amount() -> float:
    """Return what is paid, or answer 422. JSON has no NaN."""
    try:
        return msgspec.json.decode(request.get_data(), type=Purchase).amount
    except msgspec.DecodeError as error:
        abort(422, str(error))


@app.get("/checkout")
def checkout() -> dict[str, str | None]:
    """Show the checkout in the user's variant."""
    user = current_user()
    variant = variant_of(user)
    receipt = plane.expose(EXPERIMENT, variant, subject=user, selection_reason="hash-assignment")
    return {"variant": variant, "event": receipt.event_id}


@app.post("/purchase")
def purchase() -> dict[str, str | None]:
    """Take the money."""
    receipt = plane.publish(
        Outcome(
            experiment_name=EXPERIMENT,
            subject_id=current_user(),
            outcome_type=OutcomeType.CONTINUOUS,
            name="orderValue",
            value=paid_amount(),
        )
    )
    return {"event": receipt.event_id}


@app.get("/health")
def health() -> ResponseReturnValue:
    """Say how the plane fares; 503 when events do not get through."""
    found = plane.health()
    return msgspec.to_builtins(found), 503 if found.status is HealthStatus.UNHEALTHY else 200
