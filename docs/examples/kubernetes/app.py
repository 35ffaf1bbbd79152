"""A shop that runs on Kubernetes: each checkout is an exposure, and the platform can ask it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from experimentframework_core import DataPlane, Exposure
from experimentframework_core.web import health_app

CONFIGURATION = os.environ.get("EXPERIMENTS", "/etc/shop/experiments.yaml")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the plane before the first request; drain it after the last one."""
    async with DataPlane.from_file(CONFIGURATION) as plane:
        app.state.plane = plane
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/internal", health_app(lambda: app.state.plane, metrics=True))


@app.get("/checkout")
async def checkout(user: str) -> dict[str, str]:
    """Show the checkout."""
    plane: DataPlane = app.state.plane
    await plane.publish(
        Exposure(
            experiment_name="checkout",
            variant_key="express",
            subject_id=user,
            selection_reason="everybody",
        )
    )
    return {"variant": "express"}
