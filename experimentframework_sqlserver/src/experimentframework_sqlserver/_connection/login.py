"""Signs in, in bounded time and without a connection that nobody closes."""

from __future__ import annotations

import asyncio
import struct
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError
from experimentframework_sqlserver._connection.session import PATIENCE, Session
from experimentframework_sqlserver._connection.thread import DriverThread, forget
from experimentframework_sqlserver._connection.types_of_driver import asked_anew
from experimentframework_sqlserver._errors import delivery_error

if TYPE_CHECKING:
    import aioodbc
    import pyodbc

    from experimentframework_sqlserver._connection.connecting import Target

_DATETIMEOFFSET = -155
"""ODBC's number of the type."""


async def connect(target: Target, command_timeout: int) -> Session:
    """Return a session of a new connection.

    Raises:
        TransientError: The server does not answer.
        UnavailableError: It refuses us, or the driver cannot be loaded.
    """
    import aioodbc
    import pyodbc

    async def prepare(connection: pyodbc.Connection) -> None:
        connection.timeout = command_timeout
        connection.add_output_converter(_DATETIMEOFFSET, _time)

    thread = DriverThread("experimentframework.sqlserver")
    opening = asyncio.ensure_future(
        aioodbc.connect(
            dsn=asked_anew(target.text.reveal()),
            timeout=target.login_timeout,
            executor=thread,
            autocommit=True,
            after_created=prepare,
        )
    )
    patience = target.login_timeout + PATIENCE
    try:
        await asyncio.wait((opening,), timeout=patience)
    except asyncio.CancelledError:
        _abandon(opening, thread)
        raise
    if not opening.done():
        _abandon(opening, thread)
        raise TransientError(
            f"cannot connect to {target.place}: the ODBC driver did not come back within "
            f"{patience:g} s"
        )
    try:
        connection = opening.result()
    except pyodbc.Error as error:
        thread.shutdown()
        error.args = tuple(
            target.masked(part) if isinstance(part, str) else part for part in error.args
        )
        raise delivery_error(error, f"connect to {target.place}") from error
    return Session(thread, connection, target, command_timeout)


def _abandon(opening: asyncio.Future[aioodbc.Connection], thread: DriverThread) -> None:
    """Leave a login to its thread: it cannot be cancelled. What it opens is closed there."""
    opening.cancel()
    opening.add_done_callback(partial(_close_late, thread=thread))


def _close_late(opening: asyncio.Future[aioodbc.Connection], *, thread: DriverThread) -> None:
    forget(opening)
    if not opening.cancelled() and opening.exception() is None:
        connection = opening.result()
        driver, connection._conn = connection._conn, None  # noqa: SLF001 - not in the loop's thread
        thread.submit(driver.close)
    thread.shutdown()


def _time(value: bytes) -> datetime:
    """Return a DATETIMEOFFSET, which pyodbc does not read itself."""
    year, month, day, hour, minute, second, nanoseconds, hours, minutes = struct.unpack(
        "<6hI2h", value
    )
    offset = timezone(timedelta(hours=hours, minutes=minutes))
    return datetime(year, month, day, hour, minute, second, nanoseconds // 1000, offset)
