"""A small shop on Litestar: a decorator records which variant of the checkout was shown."""

import hashlib
import os
from pathlib import Path

from litestar import Litestar, get
from litestar.middleware import DefineMiddleware

from experimentframework_core.exposure import current_subject, exposure
from experimentframework_core.web import RequestView, SubjectMiddleware, plane_lifespan

CONFIGURATION = os.environ.get("EXPERIMENTS", Path(__file__).with_name("experiments.yaml"))


def visitor(request: RequestView) -> str | None:
    """Return whom the request is about; None for somebody without the cookie."""
    return request.cookies.get("visitor")


def variant_of(visitor: str) -> str:
    """Return the visitor's variant: the same every time, in every process."""
    digest = hashlib.sha256(f"checkout:{visitor}".encode()).digest()
    return ("control", "express")[digest[0] % 2]


@get("/checkout")
@exposure("checkout", result=lambda page: page["variant"], selection_reason="hash-assignment")
async def checkout() -> dict[str, str]:
    """Show the checkout in the visitor's variant."""
    subject = current_subject()
    return {"variant": variant_of(subject.subject_id) if subject else "control"}


app = Litestar(
    [checkout],
    middleware=[DefineMiddleware(SubjectMiddleware, provider=visitor)],
    lifespan=[plane_lifespan(CONFIGURATION)],
)
