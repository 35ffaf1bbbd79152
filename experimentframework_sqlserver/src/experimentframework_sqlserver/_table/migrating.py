"""Looks at the table in a database, and brings it to this version."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_sqlserver._doing import doing
from experimentframework_sqlserver._errors import NO_RIGHT, numbers_of
from experimentframework_sqlserver._table import lock
from experimentframework_sqlserver._table.history import Applied, Found, pending, product_version
from experimentframework_sqlserver._table.migrations import HISTORY, batches_of, text_of
from experimentframework_sqlserver._table.naming import names_of

if TYPE_CHECKING:
    from experimentframework_sqlserver._connection.pool import Pool
    from experimentframework_sqlserver._connection.session import Session
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._table.migrations import Migration
    from experimentframework_sqlserver._table.naming import Names

_COLUMNS = """
SELECT CAST(name AS NVARCHAR(128)) FROM sys.columns
WHERE object_id = OBJECT_ID(N'[$(Schema)].[$(Table)]', N'U')
"""
_HAS_HISTORY = "SELECT OBJECT_ID(N'[$(Schema)].[$(Table)Migrations]', N'U')"
_HISTORY = """
SELECT Id, Name, Checksum, CONVERT(NVARCHAR(19), AppliedAt, 120), ProductVersion
FROM [$(Schema)].[$(Table)Migrations] ORDER BY Id
"""
_NOTE = """
INSERT INTO [$(Schema)].[$(Table)Migrations] (Id, Name, Checksum, ProductVersion)
VALUES (?, ?, ?, ?)
"""


_TURN = 1.0
"""Seconds to wait for the lock, before it is looked again whether another has migrated."""


class Migrated(NamedTuple):
    """What `migrate` did.

    Attributes:
        applied: The migrations that it applied; none where the table was as it should be.
        version: The version that the table has now.
    """

    applied: tuple[Migration, ...]
    version: int


async def migrate(pool: Pool, options: SqlServerOptions, *, wait: float = inf) -> Migrated:
    """Apply what is missing, each migration in a transaction of its own.

    Several processes may do this at the same time: one migrates, the others wait and find nothing
    left to do. Where there is nothing to do at all, nobody waits for anybody.

    Args:
        pool: Where to get sessions.
        options: Which table.
        wait: Seconds to wait for another process that migrates; at most a statement's.

    Raises:
        UnavailableError: The table is not ours, its history is not that of this version, or the
            server refuses a statement.
        TransientError: The server does not answer, or another process migrates for too long.
    """
    names = names_of(options)
    wait = min(wait, options.command_timeout_seconds)
    deadline = asyncio.get_running_loop().time() + wait
    applied: list[Migration] = []
    while True:
        if (version := await _version_if_done(pool, names)) is not None:
            return Migrated(tuple(applied), version)
        if step := await _next_step(pool, names):
            applied.append(step)
        elif asyncio.get_running_loop().time() >= deadline:
            raise TransientError(
                f"cannot migrate the table {names}: another process migrates it for more than"
                f" {wait:g} s"
            )


async def _next_step(pool: Pool, names: Names) -> Migration | None:
    """Apply the next migration and return it; None where another process is at it, or was."""
    async with pool.session() as session:
        with doing(f"migrate the table {names}"):
            if not await lock.take(session, names, "migrate", wait=_TURN):
                return None
            steps = pending(await look(session, names), names)
            if not steps:
                return None
            await _apply(session, steps[0], names)
            await session.commit()
            return steps[0]


async def _version_if_done(pool: Pool, names: Names) -> int | None:
    """Return the table's version if nothing is to do; None if that is not sure without the lock."""
    async with pool.session() as session:
        with doing(f"migrate the table {names}"):
            found = await look(session, names)
    # What looks wrong may be half of what another process commits at this moment.
    with suppress(UnavailableError):
        return None if pending(found, names) else found.version
    return None


async def look(session: Session, names: Names) -> Found:
    """Return what is there under the table's name.

    Raises:
        UnavailableError: The user may not read the history.
        pyodbc.Error: The server refuses, or does not answer.
    """
    columns = await columns_of_table(session, names)
    if (await session.run(names.within(_HAS_HISTORY))).rows[0][0] is None:
        return Found(columns)
    return Found(columns, await _history(session, names), has_history=True)


async def columns_of_table(session: Session, names: Names) -> frozenset[str]:
    """Return the table's columns, folded; none where there is no table.

    Raises:
        pyodbc.Error: The server refuses, or does not answer.
    """
    found = await session.run(names.within(_COLUMNS))
    return frozenset(str(row[0]).casefold() for row in found.rows)


async def _history(session: Session, names: Names) -> tuple[Applied, ...]:
    import pyodbc

    try:
        found = await session.run(names.within(_HISTORY))
    except pyodbc.Error as error:
        if NO_RIGHT.isdisjoint(numbers_of(error)):
            raise
        raise UnavailableError(
            f"this user may not read the history of the table {names}: grant it SELECT on the table"
            f" {names}Migrations"
        ) from error
    return tuple(map(_applied, found.rows))


def _applied(row: tuple[object, ...]) -> Applied:
    number, name, checksum, applied_at, version = map(str, row)
    return Applied(int(number), name, checksum, applied_at, version)


async def _apply(session: Session, migration: Migration, names: Names) -> None:
    if migration.number == 1:
        for batch in batches_of(text_of(HISTORY), names):
            await session.run(batch)
    for batch in migration.batches(names):
        await session.run(batch)
    await session.run(
        names.within(_NOTE),
        migration.number,
        migration.name,
        migration.checksum,
        product_version(),
    )
