"""Removing old events, on an engine."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_record
from experimentframework_sqlserver import SqlServerRetention, plugin
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._table import lock
from experimentframework_sqlserver._table.naming import names_of
from experimentframework_sqlserver._table.retention import count_older, keep_removing, purge
from tests.sqlserver.engine.database import execute, rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_sqlserver import SqlServerOptions
    from experimentframework_sqlserver._connection.pool import Pool

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@asynccontextmanager
async def filled(options: SqlServerOptions, *, old: int, new: int) -> AsyncIterator[Pool]:
    """Yield a pool beside a table with so many events of the morning and of the afternoon."""
    records = [
        make_record(timestamp=NOON + timedelta(minutes=minute)) for minute in range(-old, new)
    ]
    async with plugin.open(options, OpenContext(name="sql")) as backplane:
        await backplane.deliver(records)
    pool = open_pool(options)
    try:
        yield pool
    finally:
        await pool.close()


def count_rows(options: SqlServerOptions) -> int:
    """Return how many rows the table has."""
    [(number,)] = rows(options, "SELECT COUNT(*) FROM [$(Schema)].[$(Table)]")
    return int(str(number))


async def no_sleep(_: float) -> None:
    """Rest for no time."""


async def test_only_what_is_older_is_removed(options: SqlServerOptions) -> None:
    """Given old and new events, When the old are removed, Then in slices, and the new stay."""
    async with filled(options, old=23, new=4) as pool:
        counted = await count_older(pool, options, NOON)

        removed = await purge(pool, options, NOON, slice_size=5, sleep=no_sleep)

    assert (counted, removed, count_rows(options)) == (23, 23, 4)


async def test_a_table_without_old_events_stays(options: SqlServerOptions) -> None:
    async with filled(options, old=0, new=3) as pool:
        removed = await purge(pool, options, NOON, slice_size=5, sleep=no_sleep)

    assert (removed, count_rows(options)) == (0, 3)


async def test_it_rests_after_each_full_slice(options: SqlServerOptions) -> None:
    """Given three slices, When they are removed, Then it rests between, not behind the last."""
    rests: list[float] = []

    async def note(seconds: float) -> None:
        rests.append(seconds)

    async with filled(options, old=12, new=0) as pool:
        await purge(pool, options, NOON, slice_size=5, sleep=note)

    assert len(rests) == 2
    assert all(0 < rest <= 5 for rest in rests)


async def test_one_process_at_a_time_removes(options: SqlServerOptions) -> None:
    """Given another process that is removing, When ours begins, Then it leaves it to that one."""
    async with filled(options, old=3, new=0) as pool, pool.session() as other:
        assert await lock.take(other, names_of(options), "purge")

        removed = await purge(pool, options, NOON, slice_size=5, sleep=no_sleep)

    assert (removed, count_rows(options)) == (None, 3)


async def test_the_job_removes_now_and_after_each_interval(options: SqlServerOptions) -> None:
    """Given a retention, When its job runs, Then it removes at once, and waits its interval."""
    kept = msgspec.structs.replace(
        options, retention=SqlServerRetention(days=1, batch_size=10, interval_minutes=90)
    )
    waits: list[float] = []

    async def stop_at_the_second(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise asyncio.CancelledError

    async with filled(options, old=3, new=2) as pool:
        with pytest.raises(asyncio.CancelledError):
            await keep_removing(
                pool,
                kept,
                backplane="sql",
                sleep=stop_at_the_second,
                now=lambda: NOON + timedelta(days=1),
            )

    assert waits == [90 * 60, 90 * 60]
    assert count_rows(kept) == 2


async def test_the_job_outlives_what_goes_wrong(
    options: SqlServerOptions, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a table that is gone, When the job runs, Then it says so once and waits on."""
    kept = msgspec.structs.replace(options, retention=SqlServerRetention(days=1))
    waits: list[float] = []

    async def stop(seconds: float) -> None:
        waits.append(seconds)
        raise asyncio.CancelledError

    async with filled(options, old=1, new=0) as pool:
        execute(kept, "DROP VIEW [$(Schema)].[$(Table)ExposureOutcomes]")
        execute(kept, "DROP VIEW [$(Schema)].[$(Table)Outcomes]")
        execute(kept, "DROP VIEW [$(Schema)].[$(Table)Exposures]")
        execute(kept, "DROP TABLE [$(Schema)].[$(Table)]")
        with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
            await keep_removing(pool, kept, backplane="sql", sleep=stop)

    assert waits == [60 * 60]
    (line,) = caplog.messages
    assert line.startswith("experimentframework.retention_failed backplane='sql' error=")
    assert "cannot remove old events from the table" in line


async def test_a_backplane_removes_what_is_too_old_while_it_is_open(
    options: SqlServerOptions,
) -> None:
    """Given a retention and old events, When the backplane is open, Then they go by themselves."""
    kept = msgspec.structs.replace(options, retention=SqlServerRetention(days=1, batch_size=2))
    async with filled(options, old=5, new=0):
        pass

    async with plugin.open(kept, OpenContext(name="sql")), asyncio.timeout(20):
        while count_rows(kept):  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.05)

    assert count_rows(kept) == 0
