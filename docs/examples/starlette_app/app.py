"""A small shop on Starlette: whoever has a visitor's cookie sees a variant of the checkout."""

import hashlib
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from experimentframework_core.exposure import current_subject
from experimentframework_core.web import RequestView, SubjectMiddleware, plane_lifespan, plane_of

CONFIGURATION = os.environ.get("EXPERIMENTS", Path(__file__).with_name("experiments.yaml"))


def visitor(request: RequestView) -> str | None:
    """Return whom the request is about; None for somebody without the cookie."""
    return request.cookies.get("visitor")


def variant_of(visitor: str) -> str:
    """Return the visitor's variant: the same every time, in every process."""
    digest = hashlib.sha256(f"checkout:{visitor}".encode()).digest()
    return ("control", "express")[digest[0] % 2]


async def checkout(request: Request) -> JSONResponse:
    """Show the checkout in the visitor's variant."""
    subject = current_subject()
    if subject is None:
        return JSONResponse({"variant": "control"})
    variant = variant_of(subject.subject_id)
    await plane_of(request).expose("checkout", variant, selection_reason="hash-assignment")
    return JSONResponse({"variant": variant})


app = Starlette(
    routes=[Route("/checkout", checkout)],
    middleware=[Middleware(SubjectMiddleware, provider=visitor)],
    lifespan=plane_lifespan(CONFIGURATION),
)
