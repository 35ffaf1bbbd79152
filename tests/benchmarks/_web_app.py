"""A page of a shop, with and without one `publish`, and what the worker's processor has done.

The page does what pages usually do: FastAPI checks the query and the session's signed cookie, four
queries read a user, 20 products and what belongs to them, pydantic checks it all and writes the
JSON, which is compressed. Beside it, the least that an app can answer.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time_ns
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.middleware.gzip import GZipMiddleware
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions, Exposure
from experimentframework_core.backplanes.memory import InMemoryOptions
from experimentframework_core.backplanes.sqlite import SqliteOptions
from tests.benchmarks import _floor
from tests.benchmarks._ours import NoOp, on_disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

folder_variable, plane_variable = "WEB_BENCHMARK_FOLDER", "WEB_BENCHMARK_PLANE"

PRODUCTS, SHOWN = 200, 20


class Product(BaseModel):
    """What is for sale."""

    number: int
    name: str
    about: str
    price: float
    tags: list[str]
    pieces: int


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
        case "disk" | "disk, 50 ms":
            buffer = on_disk(str(folder / "buffer"))
            if kind == "disk, 50 ms":
                buffer = msgspec.structs.replace(buffer, commit_interval_ms=50)
            options = msgspec.structs.replace(options, buffer=buffer)
            return DataPlane(options, backplane=NoOp())
        case _:
            return DataPlane(msgspec.structs.replace(options, backplane=sqlite))


folder = Path(os.environ[folder_variable])
plane = make_plane(os.environ[plane_variable], folder)
shop = sqlite3.connect(folder / "shop.db", check_same_thread=False)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Fill the shop; open the plane."""
    shop.executescript(
        "CREATE TABLE users (name TEXT PRIMARY KEY, visits INTEGER);"
        "CREATE TABLE products (number INTEGER PRIMARY KEY, name TEXT, about TEXT, price REAL);"
        "CREATE TABLE tags (product INTEGER, tag TEXT, PRIMARY KEY (product, tag));"
        "CREATE TABLE stock (product INTEGER PRIMARY KEY, pieces INTEGER);"
    )
    shop.executemany("INSERT INTO users VALUES (?, ?)", [(f"u-{n}", n) for n in range(1000)])
    about = "A thing that many people want to have, described in a sentence or two."
    products = [(n, f"product {n}", about, n / 4) for n in range(PRODUCTS)]
    shop.executemany("INSERT INTO products VALUES (?, ?, ?, ?)", products)
    tags = [(n, tag) for n in range(PRODUCTS) for tag in ("new", "sale", f"group {n % 7}")]
    shop.executemany("INSERT INTO tags VALUES (?, ?)", tags)
    shop.executemany("INSERT INTO stock VALUES (?, ?)", [(n, n % 9) for n in range(PRODUCTS)])
    shop.commit()
    async with plane:
        yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(SessionMiddleware, secret_key="a secret of the benchmark")
app.add_middleware(GZipMiddleware)
User = Annotated[str, Query(min_length=1, max_length=256)]
Mode = Literal["without", "publish", "again", "floor"]
"""One route serves all modes: the second route of an app costs more to find than the first."""


def page_for(user: str, request: Request) -> Page:
    """Do the work of a page."""
    request.session["visited"] = user
    row = shop.execute("SELECT visits FROM users WHERE name = ?", (user,)).fetchone()
    first = len(user) * 7 % (PRODUCTS - SHOWN)
    shown = (first, first + SHOWN - 1)
    tags: dict[int, list[str]] = {}
    for number, tag in shop.execute("SELECT * FROM tags WHERE product BETWEEN ? AND ?", shown):
        tags.setdefault(number, []).append(tag)
    stock = dict(shop.execute("SELECT * FROM stock WHERE product BETWEEN ? AND ?", shown))
    products = shop.execute("SELECT * FROM products WHERE number BETWEEN ? AND ?", shown)
    return Page(
        user=user,
        visits=row[0] if row else 0,
        variant="express" if len(user) % 2 else "control",
        products=[
            Product(number=n, name=name, about=about, price=price, tags=tags[n], pieces=stock[n])
            for n, name, about, price in products
        ],
    )


def exposure(user: str, variant: str) -> Exposure:
    """Return the event of a page."""
    return Exposure(
        experiment_name="checkout",
        variant_key=variant,
        subject_id=user,
        selection_reason="hash-assignment",
    )


@app.get("/page")
async def page(user: User, mode: Mode, request: Request) -> Page:
    """Show a page; in one mode publish that the user saw a variant, in one do the least of it."""
    page = page_for(user, request)
    if mode == "publish":
        await plane.publish(exposure(user, page.variant))
    elif mode == "floor":
        _floor.floor(exposure(user, page.variant))
    return page


@app.get("/least")
async def least(user: User, mode: Mode) -> dict[str, str]:
    """Answer with what was asked; in one mode publish it."""
    if mode == "publish":
        await plane.publish(exposure(user, "control"))
    return {"user": user}


@app.get("/processor")
async def processor() -> dict[str, int]:
    """Deliver what is queued, and return the processor's time of this process so far, in ns."""
    await plane.flush()
    _floor.queue.clear()
    return {"ns": process_time_ns(), "accepted": plane.statistics().accepted}
