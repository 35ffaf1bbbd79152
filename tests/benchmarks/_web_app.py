"""A page of a shop, with and without one `publish`, and what the worker's processor has done.

The work of a page is what a small one does: validate the query, look a user up in SQLite, take
products from memory, and validate and write 20 of them as JSON, by FastAPI and pydantic.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time_ns
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import FastAPI, Query
from pydantic import BaseModel

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions, Exposure
from experimentframework_core.backplanes.memory import InMemoryOptions
from experimentframework_core.backplanes.sqlite import SqliteOptions
from tests.benchmarks._ours import NoOp, on_disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

folder_variable, plane_variable = "WEB_BENCHMARK_FOLDER", "WEB_BENCHMARK_PLANE"

SHOWN = 20


class Product(BaseModel):
    """What is for sale."""

    number: int
    name: str
    description: str
    price: float
    tags: list[str]


class Page(BaseModel):
    """What a user sees."""

    user: str
    visits: int
    variant: str
    products: list[Product]


def make_plane(kind: str, folder: Path) -> DataPlane:
    """Return the plane that is measured."""
    sqlite = BackplaneOptions(type="sqlite", options=SqliteOptions(path=str(folder / f"{kind}.db")))
    options = DataPlaneOptions(on_failure="drop")
    match kind:
        case "no-op":
            return DataPlane(options, backplane=NoOp())
        case "inMemory":
            stored = InMemoryOptions(max_events=1000)
            node = BackplaneOptions(type="inMemory", options=stored)
            return DataPlane(msgspec.structs.replace(options, backplane=node))
        case "disk":
            buffer = on_disk(str(folder / "buffer"))
            options = msgspec.structs.replace(options, buffer=buffer)
            return DataPlane(options, backplane=NoOp())
        case _:
            return DataPlane(msgspec.structs.replace(options, backplane=sqlite))


folder = Path(os.environ[folder_variable])
plane = make_plane(os.environ[plane_variable], folder)
users = sqlite3.connect(folder / "users.db", check_same_thread=False)
catalogue = [
    Product(
        number=number,
        name=f"product {number}",
        description="A thing that many people want to have, described in a sentence or two.",
        price=number / 4,
        tags=["new", "sale", f"group-{number % 7}"],
    )
    for number in range(200)
]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Fill the table of users; open the plane."""
    users.execute("CREATE TABLE users (name TEXT PRIMARY KEY, visits INTEGER)")
    users.executemany("INSERT INTO users VALUES (?, ?)", [(f"u-{n}", n) for n in range(1000)])
    users.commit()
    async with plane:
        yield


app = FastAPI(lifespan=lifespan)
User = Annotated[str, Query(min_length=1, max_length=256)]


def page_for(user: str) -> Page:
    """Do the work of a page."""
    row = users.execute("SELECT visits FROM users WHERE name = ?", (user,)).fetchone()
    first = hash(user) % (len(catalogue) - SHOWN)
    return Page(
        user=user,
        visits=row[0] if row else 0,
        variant="express" if first % 2 else "control",
        products=catalogue[first : first + SHOWN],
    )


@app.get("/without")
async def without(user: User) -> Page:
    """Publish nothing."""
    return page_for(user)


@app.get("/again")
async def again(user: User) -> Page:
    """Publish nothing: what differs from the other one is the measurement's error."""
    return page_for(user)


@app.get("/publish")
async def publish(user: User) -> Page:
    """Publish that the user saw a variant."""
    page = page_for(user)
    await plane.publish(
        Exposure(
            experiment_name="checkout",
            variant_key=page.variant,
            subject_id=user,
            selection_reason="hash-assignment",
        )
    )
    return page


@app.get("/processor")
async def processor() -> dict[str, int]:
    """Deliver what is queued, and return the processor's time of this process so far, in ns."""
    await plane.flush()
    return {"ns": process_time_ns(), "accepted": plane.statistics().accepted}
