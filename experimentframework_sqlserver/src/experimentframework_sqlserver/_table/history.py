"""What a database says about the table, and what follows from it: pure, nothing is run here."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._table.migrations import Migration, migrations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_sqlserver._table.naming import Names

DOTNET_COLUMNS = frozenset(
    name.casefold()
    for name in (
        "Id",
        "EventId",
        "Timestamp",
        "EventType",
        "SchemaVersion",
        "PayloadJson",
        "CorrelationId",
        "MetadataJson",
        "CreatedAt",
    )
)
"""The columns of the table that the .NET ExperimentFramework makes, folded."""

OUR_COLUMNS = DOTNET_COLUMNS | {
    name.casefold()
    for name in (
        "TraceParent",
        "ExtraJson",
        "ExperimentName",
        "VariantKey",
        "SubjectId",
        "TenantId",
    )
}
"""The columns of version 1, folded: what every table of ours has."""

Kind: TypeAlias = Literal["missing", "ours", "unrecorded", "dotnet", "foreign"]


class Applied(NamedTuple):
    """A row of the history: a migration that was applied."""

    number: int
    name: str
    checksum: str
    applied_at: str
    product_version: str


class Found(NamedTuple):
    """What was found under the table's name.

    Attributes:
        columns: The table's columns, folded; none where there is no table.
        applied: The history, the first migration first.
        has_history: Whether there is a table of the history that this user may see.
    """

    columns: frozenset[str] = frozenset()
    applied: Sequence[Applied] = ()
    has_history: bool = False

    @property
    def kind(self) -> Kind:
        """Whose table it is; ``unrecorded`` is one of ours whose history says nothing of it."""
        if self.applied:
            return "ours"
        if not self.columns:
            return "missing"
        if self.columns >= OUR_COLUMNS:
            return "unrecorded"
        return "dotnet" if self.columns == DOTNET_COLUMNS else "foreign"

    @property
    def version(self) -> int:
        """The version of the table; 0 where it is not one of ours."""
        return max((each.number for each in self.applied), default=0)


def product_version() -> str:
    """Return the version of this distribution."""
    return version("experimentframework-sqlserver")


def pending(
    found: Found, names: Names, known: Sequence[Migration] | None = None
) -> tuple[Migration, ...]:
    """Return what must be applied, in order; nothing where the table is as this version has it.

    Args:
        found: What the database says.
        names: The table's names, for messages.
        known: The migrations that there are. None: all of this distribution.

    Raises:
        UnavailableError: The table is not ours, or its history is not that of ``known``.
    """
    known = migrations() if known is None else known
    if found.kind == "dotnet":
        raise UnavailableError(
            f"the table {names} was made by the .NET ExperimentFramework, and nothing of it was"
            " changed: read the script that `experimentframework sqlserver script --upgrade-dotnet`"
            " prints, run it in a quiet hour, then migrate; or say another tableName"
        )
    if found.kind == "unrecorded":
        raise UnavailableError(
            f"cannot say which version the table {names} has: {_gone(found, names)}"
        )
    if found.kind == "foreign":
        raise UnavailableError(
            f"there is a table {names} that no migration of this distribution made, and nothing of"
            " it was changed: say another schema or tableName"
        )
    if found.kind == "ours" and not found.columns:
        raise UnavailableError(
            f"cannot migrate the table {names}: it is gone, and its history is not; drop the table"
            f" {names}Migrations too, or put the table back"
        )
    if why := _why_not_ours(found.applied, known):
        raise UnavailableError(f"cannot migrate the table {names}: {why}")
    return tuple(known[len(found.applied) :])


def _gone(found: Found, names: Names) -> str:
    restore = (
        f"take from `experimentframework sqlserver script` what makes {names}Migrations and the"
        " INSERTs into it, and run only these"
    )
    if found.has_history:
        return f"its history, the table {names}Migrations, is empty; to restore it, {restore}"
    return (
        f"its history, the table {names}Migrations, is missing, or this user may not see it: grant"
        f" this user SELECT on it; where it is gone, {restore}"
    )


def _why_not_ours(applied: Sequence[Applied], known: Sequence[Migration]) -> str | None:
    newest = known[-1].number
    for row in applied:
        if row.number > newest:
            return (
                f"its history has {_told(row)}, and this version ({product_version()}) knows"
                f" migrations up to {newest:04}; upgrade experimentframework-sqlserver"
            )
    for row, migration in zip(applied, known, strict=False):
        if row.number != migration.number:
            return (
                f"its history lacks {migration}, and has {_told(row)}; put the row back, or drop"
                " the table with its history"
            )
        if row.checksum != migration.checksum:
            return (
                f"its history has {_told(row)}, made from another text than {migration} of this"
                f" version ({product_version()}): the checksum is {row.checksum[:12]}… and not"
                f" {migration.checksum[:12]}…; a released migration is never edited, so use the"
                " version that applied it, or one that knows its text"
            )
    return None


def _told(row: Applied) -> str:
    return f"{row.number:04}_{row.name} (of {row.product_version}, applied {row.applied_at})"
