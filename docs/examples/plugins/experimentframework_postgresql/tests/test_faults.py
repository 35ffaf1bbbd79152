"""A server that goes away in the middle: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core import DataPlane
from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    RetryOptions,
)
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import make_exposure
from experimentframework_core.units import Secret
from experimentframework_postgresql import PostgreSqlOptions, plugin
from experimentframework_postgresql._reader import read_postgresql
from postgresql_server import PostgreSqlServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import asyncpg

    from postgresql_proxy import Proxy

_EVENTS = 3000


@pytest.fixture
def fragile(server: PostgreSqlServer) -> Iterator[PostgreSqlServer]:
    """Return a server of the test's own, which it may stop."""
    with PostgreSqlServer() as fragile:
        yield fragile


def plane_of(options: PostgreSqlOptions, folder: Path) -> DataPlane:
    """Return a plane that delivers in small batches and tries again soon."""
    store = DeadLetterStoreOptions(path=str(folder / "letters.db"))
    settings = DataPlaneOptions(
        backplane=BackplaneOptions(
            type="postgreSql",
            options=msgspec.structs.replace(options, batch_size=50, flush_interval_ms=1),
        ),
        retry=RetryOptions(initial_delay_ms=10, max_delay_ms=50),
        breaker=BreakerOptions(open_ms=20, max_open_ms=50),
        dead_letter=DeadLetterOptions(options=store),
    )
    return DataPlane(settings, backplane=plugin)


async def publish(plane: DataPlane, events: int) -> list[str]:
    """Publish events, a few at a time, and return their ids."""
    published = []
    for number in range(events):
        receipt = await plane.publish(make_exposure())
        published.append(str(receipt.event_id))
        if number % 10 == 0:
            await asyncio.sleep(0.002)
    return published


async def stored(options: PostgreSqlOptions) -> Counter[str]:
    """Return the ids that are in the table, and how often."""
    return Counter([each.event_id async for each in read_postgresql(options, Selection())])


async def test_a_server_that_crashes_in_the_middle(
    fragile: PostgreSqlServer, tmp_path: Path
) -> None:
    """Given a plane that publishes, When the server crashes, Then each event is there once."""
    options = PostgreSqlOptions(
        connection_string=Secret(fragile.url()),
        password=Secret(fragile.password),
        auto_migrate=True,
    )

    async with plane_of(options, tmp_path) as plane:
        publishing = asyncio.ensure_future(publish(plane, _EVENTS))
        for _ in range(3):
            await asyncio.sleep(0.2)
            await asyncio.to_thread(fragile.stop)
            await asyncio.to_thread(fragile.start)
        published = await publishing
        flushed = await plane.flush(timeout=30)
        (channel,) = plane.statistics().backplanes.values()

    assert flushed.remaining == 0
    assert await stored(options) == Counter(published)
    assert channel.dead_lettered == 0


async def test_a_lost_answer_stores_nothing_twice(
    options: PostgreSqlOptions,
    proxy: Proxy,
    server: PostgreSqlServer,
    database: asyncpg.Connection,
    tmp_path: Path,
) -> None:
    """Given a plane that publishes, When ten commits are not confirmed, Then each is there once."""
    through = Secret(server.url(port=proxy.port))

    async with plane_of(
        msgspec.structs.replace(options, connection_string=through), tmp_path
    ) as plane:
        published = await publish(plane, 100)
        await plane.flush(timeout=30)
        proxy.loses = 10
        published += await publish(plane, _EVENTS)
        flushed = await plane.flush(timeout=30)
        (channel,) = plane.statistics().backplanes.values()

    rows = await database.fetchval(f"SELECT count(*) FROM {options.table_name}")
    assert proxy.loses == 0
    assert flushed.remaining == 0
    assert (channel.delivered, rows) == (len(published), len(published))
    assert await stored(options) == Counter(published)
    assert channel.retried > 0
    assert channel.dead_lettered == 0


async def test_a_server_that_starts_is_waited_for(
    fragile: PostgreSqlServer, tmp_path: Path
) -> None:
    """Given a server that is down, When the plane opens and it starts, Then the events arrive."""
    options = PostgreSqlOptions(
        connection_string=Secret(fragile.url()),
        password=Secret(fragile.password),
        auto_migrate=True,
    )
    fragile.stop()

    async with plane_of(options, tmp_path) as plane:
        receipt = await plane.publish(make_exposure())
        fragile.start()
        await plane.flush(timeout=30)

    assert await stored(options) == {receipt.event_id: 1}
