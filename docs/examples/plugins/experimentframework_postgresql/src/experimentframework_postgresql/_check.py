"""What the types of the options cannot say: every problem at once, nothing is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_postgresql._connection_string import (
    connection_string_problems,
    has_password,
    settings_of_the_server,
)
from experimentframework_postgresql._names import LONGEST_NAME, LONGEST_TABLE, why_no_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import Finding
    from experimentframework_postgresql._options import PostgreSqlOptions


def check_postgresql(options: PostgreSqlOptions) -> Iterator[Finding]:
    """Yield what is wrong with the options."""
    yield from _connection(options)
    for key, name, longest in (
        ("schema", options.schema, LONGEST_NAME),
        ("tableName", options.table_name, LONGEST_TABLE),
    ):
        if why := why_no_name(name, longest):
            yield key, why, "error", ()


def _connection(options: PostgreSqlOptions) -> Iterator[Finding]:
    text = options.connection_string.reveal()
    if problems := list(connection_string_problems(text)):
        for problem in problems:
            yield "connectionString", problem, "error", ()
        return
    if options.password is not None and has_password(text):
        message = "connectionString has a password too; leave one of them out"
        yield "password", message, "error", ("connectionString",)
    for name in settings_of_the_server(text):
        message = (
            f"its {name} is no parameter of the connection; the server gets it as a setting, and"
            " refuses us where it knows none of that name"
        )
        yield "connectionString", message, "warning", ()
