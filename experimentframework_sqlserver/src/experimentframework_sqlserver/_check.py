"""What the types of the options cannot say: every problem at once, nothing is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_sqlserver._connection.connection_string import ConnectionString, parse
from experimentframework_sqlserver._table.identifiers import (
    LONGEST_SCHEMA,
    LONGEST_TABLE,
    why_no_identifier,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import Finding
    from experimentframework_sqlserver._options import SqlServerOptions

_AUTO = "auto"


def check_sql_server(options: SqlServerOptions) -> Iterator[Finding]:
    """Yield what is wrong with the options."""
    found = parse(options.connection_string.reveal())
    if not isinstance(found, ConnectionString):
        for problem in found:
            yield "connectionString", problem, "error", ()
    elif found.driver is not None and options.driver != _AUTO:
        message = "connectionString names a Driver already; leave one of the two out"
        yield "driver", message, "error", ("connectionString",)
    if any(character in options.driver for character in "{};") or not options.driver.isprintable():
        message = "expected the driver's name or path as it is, without braces and ';'"
        yield "driver", message, "error", ()
    for key, name, longest in (
        ("schema", options.schema, LONGEST_SCHEMA),
        ("tableName", options.table_name, LONGEST_TABLE),
    ):
        if why := why_no_identifier(name, longest):
            yield key, why, "error", ()
