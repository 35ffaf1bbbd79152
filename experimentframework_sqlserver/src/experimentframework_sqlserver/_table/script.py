"""Writes migrations as one script for sqlcmd or a person; needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_sqlserver._table.history import product_version
from experimentframework_sqlserver._table.lock import RESOURCE
from experimentframework_sqlserver._table.migrations import (
    HISTORY,
    Migration,
    batches_of,
    migrations,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from experimentframework_sqlserver._table.naming import Names

UPGRADE_DOTNET = "upgrade_dotnet.sql"
"""Makes the table of the .NET ExperimentFramework one of version 1."""

FILL_DOTNET = "fill_dotnet.sql"
"""Fills its columns for joins from the payloads."""

_LOCK = f"""\
DECLARE @lock INT;
EXEC @lock = sp_getapplock
    @Resource = N'{RESOURCE.format(work="migrate")}',
    @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 60000;
IF @lock < 0
    THROW 50000, N'another process migrates [$(Schema)].[$(Table)]; nothing was changed', 1;"""
"""Keeps everybody else from migrating the same table until the transaction ends."""

_DOTNET_ONLY = """\
IF COL_LENGTH(N'[$(Schema)].[$(Table)]', N'EventId') IS NULL
    THROW 50000, N'there is no table [$(Schema)].[$(Table)]', 1;
IF COL_LENGTH(N'[$(Schema)].[$(Table)]', N'ExtraJson') IS NOT NULL
    THROW 50000, N'[$(Schema)].[$(Table)] is no table of the .NET ExperimentFramework', 1;"""

_VERSION = "(SELECT COALESCE(MAX(Id), 0) FROM [$(Schema)].[$(Table)Migrations])"


def script(
    names: Names, *, idempotent: bool = False, start: int = 0, end: int | None = None
) -> str:
    """Return the script that brings a table from one version to another.

    Each migration is one batch and one transaction: whatever runs the script, a migration that
    fails leaves nothing behind, and those after it do nothing.

    Args:
        names: The names of the schema and the table.
        idempotent: Leave out, when it runs, what the table has already.
        start: The version that the table has; 0 if there is none.
        end: The version that it shall have. None: the newest.

    Raises:
        ValueError: There is no such version, or it would lead backwards.
    """
    steps = migrations()
    newest = len(steps)
    end = newest if end is None else end
    if not 0 <= start <= end <= newest:
        message = f"there is no way from version {start} to {end}; the versions are 0 to {newest}"
        raise ValueError(message)
    parts = [_HEAD.format(version=product_version()), _SETTINGS]
    if start == 0:
        parts += [_transaction(names, _executed(batches_of(text_of(HISTORY), names)))]
    parts += [_step(names, each, idempotent=idempotent) for each in steps[start:end]]
    return "\nGO\n\n".join(parts) + "\nGO\n"


def upgrade_script(names: Names) -> str:
    """Return the script that makes the table of the .NET ExperimentFramework one of version 1."""
    first = migrations()[0]
    batches = batches_of(text_of(UPGRADE_DOTNET), names)
    views = [each for each in first.batches(names) if "CREATE VIEW" in each]
    history = _transaction(names, _executed(batches_of(text_of(HISTORY), names)))
    checked = names.within(_DOTNET_ONLY)
    step = _transaction(names, (checked, *_executed((*batches, *views)), _noted(names, first)))
    fill = names.within(text_of(FILL_DOTNET).strip())
    head = _UPGRADE_HEAD.format(version=product_version())
    parts = [head, _SETTINGS, history, step, fill]
    return "\nGO\n\n".join(parts) + "\nGO\n"


_SETTINGS = "SET ANSI_NULLS ON;\nSET QUOTED_IDENTIFIER ON;\nSET XACT_ABORT ON;"
_HEAD = """\
-- Written by experimentframework-sqlserver {version}. Run it with sqlcmd -b, or in a query window.
-- The user needs the right to create tables and views, and to alter the schema."""
_UPGRADE_HEAD = """\
-- Written by experimentframework-sqlserver {version}, for a table of the .NET ExperimentFramework.
-- Make a backup, stop whoever writes the table, and run it with sqlcmd -b or in a query window.
-- The table is changed in one transaction: on a large one, that takes minutes."""


def _step(names: Names, migration: Migration, *, idempotent: bool) -> str:
    number = migration.number
    wrong = names.within(f"N'[$(Schema)].[$(Table)] has not version {number - 1}'")
    expected = names.within(f"IF {_VERSION} <> {number - 1}\n    THROW 50000, {wrong}, 1;")
    inner = (expected, *_executed(migration.batches(names)), _noted(names, migration))
    if idempotent:
        inner = (names.within(f"IF {_VERSION} < {number}\nBEGIN"), *inner, "END;")
    return f"-- {migration}\n{_transaction(names, inner)}"


def _transaction(names: Names, statements: Iterable[str]) -> str:
    return "\n".join(
        ("BEGIN TRANSACTION;", names.within(_LOCK), *statements, "COMMIT TRANSACTION;")
    )


def _executed(batches: Sequence[str]) -> Iterator[str]:
    """Yield each batch as a statement: some must be a batch of their own, and some need another."""
    for batch in batches:
        yield f"EXEC ({_literal(batch)});"


def _noted(names: Names, migration: Migration) -> str:
    values = (
        str(migration.number),
        _literal(migration.name),
        _literal(migration.checksum),
        _literal(product_version()),
    )
    return (
        names.within(
            "INSERT INTO [$(Schema)].[$(Table)Migrations] (Id, Name, Checksum, ProductVersion)\n"
        )
        + f"VALUES ({', '.join(values)});"
    )


def _literal(text: str) -> str:
    return "N'" + text.replace("'", "''") + "'"
