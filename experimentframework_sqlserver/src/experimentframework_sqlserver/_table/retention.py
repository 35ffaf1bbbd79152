"""Removes old events, a slice at a time, and never by two processes at the same time."""

# ruff: noqa: S608 - the names are checked, the rest are constants of this module

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from experimentframework_core.errors import DeliveryError
from experimentframework_core.events import utc_now
from experimentframework_sqlserver._doing import doing
from experimentframework_sqlserver._options import SqlServerRetention
from experimentframework_sqlserver._table import lock
from experimentframework_sqlserver._table.naming import names_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from experimentframework_sqlserver._connection.pool import Pool
    from experimentframework_sqlserver._options import SqlServerOptions

logger = logging.getLogger("experimentframework")

Sleep: TypeAlias = "Callable[[float], Awaitable[None]]"

_LONGEST_PAUSE = 5.0
_BEFORE = "WHERE Timestamp < CAST(? AS DATETIMEOFFSET(7))"
# Rows that somebody has locked are left for the next time instead of waited for.
_DELETE = f"DELETE TOP (?) FROM [$(Schema)].[$(Table)] WITH (READPAST) {_BEFORE}"
_COUNT = f"SELECT COUNT_BIG(*) FROM [$(Schema)].[$(Table)] {_BEFORE}"


def slice_size_of(options: SqlServerOptions) -> int:
    """Return how many rows one statement removes at most, also where nothing is said of it."""
    return (options.retention or SqlServerRetention(days=1)).batch_size


async def purge(
    pool: Pool,
    options: SqlServerOptions,
    before: datetime,
    *,
    slice_size: int,
    sleep: Sleep = asyncio.sleep,
) -> int | None:
    """Remove the events that happened before a time, and return how many.

    Each slice is a transaction. After each one it rests for as long as the slice took, so that at
    most half of a connection's work is removing.

    Args:
        pool: Where to get sessions.
        options: Which table.
        before: The first time whose events stay.
        slice_size: Most rows of one slice.
        sleep: How to rest, in seconds.

    Returns:
        The number of removed rows. None: another process is at it, and nothing was removed here.

    Raises:
        UnavailableError: The table is missing, or the user may not delete.
        TransientError: The server does not answer. What was removed before stays removed.
    """
    removed: int | None = None
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        found = await _remove_slice(pool, options, before, slice_size)
        if found is None:
            return removed
        removed = found + (removed or 0)
        if found < slice_size:
            return removed
        await sleep(min(loop.time() - began, _LONGEST_PAUSE))


async def count_older(pool: Pool, options: SqlServerOptions, before: datetime) -> int:
    """Return how many events happened before a time.

    Raises:
        UnavailableError: The table is missing, or the user may not read it.
        TransientError: The server does not answer.
    """
    names = names_of(options)
    async with pool.session() as session:
        with doing(f"count old events in the table {names}", needs="SELECT"):
            found = await session.run(names.within(_COUNT), before.astimezone(UTC).isoformat())
    return int(str(found.rows[0][0]))


async def keep_removing(
    pool: Pool,
    options: SqlServerOptions,
    *,
    backplane: str,
    sleep: Sleep = asyncio.sleep,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Remove what is too old, now and after each interval, until it is cancelled.

    What goes wrong is logged and tried again after the next interval. Without ``retention`` in the
    options it returns at once.
    """
    retention = options.retention
    if retention is None:
        return
    while True:
        before = now() - timedelta(days=retention.days)
        try:
            removed = await purge(
                pool, options, before, slice_size=slice_size_of(options), sleep=sleep
            )
        except Exception as error:  # noqa: BLE001 - a task of its own never dies silently
            said = str(error) if isinstance(error, DeliveryError) else repr(error)
            keys = {"backplane": backplane, "error": said}
            _log(logging.WARNING, "experimentframework.retention_failed", keys)
        else:
            done = {"backplane": backplane, "removed": removed}
            _log(logging.DEBUG, "experimentframework.old_events_removed", done)
        await sleep(retention.interval_minutes * 60)


def _log(level: int, event: str, keys: Mapping[str, object]) -> None:
    if logger.isEnabledFor(level):
        said = " ".join(f"{key}={value!r}" for key, value in keys.items())
        logger.log(level, "%s %s", event, said, extra={"structured": keys})


async def _remove_slice(
    pool: Pool, options: SqlServerOptions, before: datetime, slice_size: int
) -> int | None:
    names = names_of(options)
    async with pool.session() as session:
        with doing(f"remove old events from the table {names}", needs="SELECT and DELETE"):
            if not await lock.take(session, names, "purge"):
                return None
            statement = names.within(_DELETE)
            found = await session.run(statement, slice_size, before.astimezone(UTC).isoformat())
            await session.commit()
    return found.rowcount
