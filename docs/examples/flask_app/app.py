"""A small shop in Flask: each checkout is an exposure, each purchase an outcome."""

import hashlib
import os
from pathlib import Path

import msgspec
from flask import Flask, abort, request
from flask.typing import ResponseReturnValue

from experimentframework_core import Exposure, HealthStatus, Outcome, OutcomeType
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


def checked(user: object) -> str:
    """Return the user, or answer 400 for what is none."""
    if not isinstance(user, str) or not 0 < len(user) <= LONGEST_USER:
        abort(400)
    return user


@app.get("/checkout")
def checkout() -> dict[str, str | None]:
    """Show the checkout in the user's variant."""
    user = checked(request.args.get("user"))
    variant = variant_of(user)
    receipt = plane.publish(
        Exposure(
            experiment_name=EXPERIMENT,
            variant_key=variant,
            subject_id=user,
            selection_reason="hash-assignment",
        )
    )
    return {"variant": variant, "event": receipt.event_id}


@app.post("/purchase")
def purchase() -> dict[str, str | None]:
    """Take the money."""
    paid = request.get_json()
    receipt = plane.publish(
        Outcome(
            experiment_name=EXPERIMENT,
            subject_id=checked(paid.get("user")),
            outcome_type=OutcomeType.CONTINUOUS,
            name="orderValue",
            value=float(paid["amount"]),
        )
    )
    return {"event": receipt.event_id}


@app.get("/health")
def health() -> ResponseReturnValue:
    """Say how the plane fares; 503 when events do not get through."""
    found = plane.health()
    return msgspec.to_builtins(found), 503 if found.status is HealthStatus.UNHEALTHY else 200
