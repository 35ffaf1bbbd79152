"""The names of the table, and how statements say them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from experimentframework_postgresql._options import PostgreSqlOptions

LONGEST_NAME = 63
"""Bytes: the server cuts longer names."""

LONGEST_TABLE = LONGEST_NAME - len("_correlation")
"""Bytes: indexes and the table of migrations are called after the table."""


class Names(NamedTuple):
    """A schema and a table in it."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    def within(self, statement: str) -> str:
        """Return a statement with the names in the place of ``$(schema)`` and ``$(table)``.

        They stand between double quotes there.
        """
        return statement.replace("$(schema)", _quotable(self.schema)).replace(
            "$(table)", _quotable(self.table)
        )


def names_of(options: PostgreSqlOptions) -> Names:
    """Return the names that the options say."""
    return Names(options.schema, options.table_name)


def why_no_name(name: str, longest: int) -> str | None:
    """Return why a name cannot be used; None where it can."""
    if not name:
        return "it is empty; expected a name"
    if not name.isprintable() or "$(" in name:
        return "expected a name without '$(' and characters that cannot be printed"
    if (size := len(name.encode())) > longest:
        return f"it has {size} bytes; expected at most {longest}"
    return None


def _quotable(name: str) -> str:
    return name.replace('"', '""')
