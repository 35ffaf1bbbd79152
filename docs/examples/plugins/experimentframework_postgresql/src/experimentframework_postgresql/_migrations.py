"""Makes and upgrades the table, by numbered scripts, each of them applied once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import UnavailableError
from experimentframework_postgresql._errors import doing

if TYPE_CHECKING:
    from experimentframework_postgresql._names import Names
    from experimentframework_postgresql._session import Session

_HISTORY = """
CREATE TABLE IF NOT EXISTS "$(schema)"."$(table)_migrations"
(
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
_SCHEMA = 'CREATE SCHEMA IF NOT EXISTS "$(schema)";\n'
_APPLIED = 'SELECT number FROM "$(schema)"."$(table)_migrations"'
_NOTE = 'INSERT INTO "$(schema)"."$(table)_migrations" (number, name) VALUES ({}, \'{}\');\n'


class Migration(NamedTuple):
    """One script."""

    number: int
    name: str
    script: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version, the first one first."""
    folder = files(__package__) / "migrations"
    scripts = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(
        Migration(int(file.name[:4]), file.name[5:-4], file.read_text("utf-8"))
        for file in scripts
        if file.name.endswith(".sql")
    )


def script(names: Names) -> str:
    """Return what makes the table where there is none, as one transaction."""
    parts = ["BEGIN;\n", _SCHEMA, _HISTORY]
    for each in migrations():
        parts += [each.script, _NOTE.format(each.number, each.name)]
    return names.within("".join([*parts, "COMMIT;\n"]))


async def migrate(session: Session, names: Names) -> None:
    """Apply what was not applied yet, all of it or nothing; of several processes, one does.

    Raises:
        UnavailableError: A newer version was here, or the user may not make tables.
        TransientError: The server does not answer.
    """
    with doing("migrate", names):
        connection = await session.connection()
        history = names.within('"$(schema)"."$(table)_migrations"')
        if await connection.fetchval("SELECT to_regclass($1)", history) is not None:
            rows = await session.run(names.within(_APPLIED))
            if not _pending({row["number"] for row in rows}, names):
                return
        async with connection.transaction():
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", history
            )
            schemas = "SELECT FROM pg_namespace WHERE nspname = $1"
            if not await connection.fetch(schemas, names.schema):
                await connection.execute(names.within(_SCHEMA))
            await connection.execute(names.within(_HISTORY))
            rows = await connection.fetch(names.within(_APPLIED))
            for each in _pending({row["number"] for row in rows}, names):
                await connection.execute(names.within(each.script))
                await connection.execute(names.within(_NOTE.format(each.number, each.name)))


def _pending(applied: set[int], names: Names) -> list[Migration]:
    newest = migrations()[-1].number
    if newer := sorted(number for number in applied if number > newest):
        raise UnavailableError(
            f"the table {names} has migration {newer[-1]:04}, and this version knows them up to"
            f" {newest:04}; upgrade experimentframework-postgresql"
        )
    return [each for each in migrations() if each.number not in applied]
