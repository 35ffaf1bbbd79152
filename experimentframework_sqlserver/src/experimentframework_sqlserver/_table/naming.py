"""Puts the names of the schema and the table into statements.

Statements say ``$(Schema)`` and ``$(Table)``, as those of sqlcmd do, always within brackets or a
text literal. A name that could end either is refused before it gets that far.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._table.identifiers import (
    LONGEST_SCHEMA,
    LONGEST_TABLE,
    why_no_identifier,
)

if TYPE_CHECKING:
    from experimentframework_sqlserver._options import SqlServerOptions

_PLACEHOLDER = re.compile(r"\$\((\w+)\)")


class Names(NamedTuple):
    """The schema and the table, both checked: no character of theirs ends a quoted name."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    def within(self, template: str) -> str:
        """Return ``template`` with the names in place of ``$(Schema)`` and ``$(Table)``.

        Raises:
            KeyError: It has another placeholder.
        """
        values = {"Schema": self.schema, "Table": self.table}
        return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def names_of(options: SqlServerOptions) -> Names:
    """Return the names that the options give.

    Raises:
        UnavailableError: One is no name, which the configuration's check reports with its place.
    """
    return checked_names(options.schema, options.table_name)


def checked_names(schema: str, table: str) -> Names:
    """Return these names.

    Raises:
        UnavailableError: One is no name.
    """
    for key, name, longest in (
        ("schema", schema, LONGEST_SCHEMA),
        ("tableName", table, LONGEST_TABLE),
    ):
        if why := why_no_identifier(name, longest) if name else "is empty":
            raise UnavailableError(f"{key}: {why}")
    return Names(schema, table)
