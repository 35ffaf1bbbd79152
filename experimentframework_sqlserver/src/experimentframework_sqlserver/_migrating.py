"""Looks at the table in a database, and brings it to this version."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import TransientError
from experimentframework_sqlserver import _lock
from experimentframework_sqlserver._doing import doing
from experimentframework_sqlserver._history import Applied, Found, pending, product_version
from experimentframework_sqlserver._migrations import HISTORY, batches_of, text_of
from experimentframework_sqlserver._naming import names_of

if TYPE_CHECKING:
    from experimentframework_sqlserver._migrations import Migration
    from experimentframework_sqlserver._naming import Names
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._pool import Pool
    from experimentframework_sqlserver._session import Session

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


class Migrated(NamedTuple):
    """What `migrate` did.

    Attributes:
        applied: The migrations that it applied; none where the table was as it should be.
        version: The version that the table has now.
    """

    applied: tuple[Migration, ...]
    version: int


async def migrate(pool: Pool, options: SqlServerOptions) -> Migrated:
    """Apply what is missing, each migration in a transaction of its own.

    Several processes may do this at the same time: one migrates, the others wait and find nothing
    left to do.

    Raises:
        UnavailableError: The table is not ours, its history is not that of this version, or the
            server refuses a statement.
        TransientError: The server does not answer, or another process migrates for too long.
    """
    names = names_of(options)
    applied: list[Migration] = []
    while True:
        async with pool.session() as session:
            with doing(f"migrate the table {names}"):
                # The server gives up before the driver does, so that it can say why.
                wait = max(options.command_timeout_seconds - 1, 0.5)
                if not await _lock.take(session, names, "migrate", wait=wait):
                    raise TransientError(
                        f"cannot migrate the table {names}: another process migrates it for more"
                        f" than {wait:g} s"
                    )
                found = await look(session, names)
                steps = pending(found, names)
                if not steps:
                    return Migrated(tuple(applied), found.version)
                await _apply(session, steps[0], names)
                await session.commit()
            applied.append(steps[0])


async def look(session: Session, names: Names) -> Found:
    """Return what is there under the table's name.

    Raises:
        pyodbc.Error: The server refuses, or does not answer.
    """
    columns = await columns_of_table(session, names)
    rows: list[tuple[object, ...]] = []
    if (await session.run(names.within(_HAS_HISTORY))).rows[0][0] is not None:
        rows = (await session.run(names.within(_HISTORY))).rows
    return Found(columns, tuple(map(_applied, rows)))


async def columns_of_table(session: Session, names: Names) -> frozenset[str]:
    """Return the table's columns, folded; none where there is no table.

    Raises:
        pyodbc.Error: The server refuses, or does not answer.
    """
    found = await session.run(names.within(_COLUMNS))
    return frozenset(str(row[0]).casefold() for row in found.rows)


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
