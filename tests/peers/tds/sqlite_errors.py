"""What SQLite's errors are called here: the numbers that SQL Server has for the same cases."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from tests.peers.tds.errors import SqlError, unknown

_missing: Final = (
    (re.compile(r"no such table: (.*)"), 208, "Invalid object name '{}'."),
    (re.compile(r"no such column: (.*)"), 207, "Invalid column name '{}'."),
    (re.compile(r"table .* has no column named (.*)"), 207, "Invalid column name '{}'."),
    (
        re.compile(r"no such function: (.*)"),
        195,
        "'{}' is not a recognized built-in function name.",
    ),
    (
        re.compile(r"(?:table|index|view) (.*) already exists"),
        2714,
        "There is already an object named '{}' in the database.",
    ),
    (re.compile(r'near "(.*)": syntax error'), 102, "Incorrect syntax near '{}'."),
)
_table: Final = re.compile(r"failed: (.*)\.(\w+)")
_too_long: Final = "CHECK constraint failed: too long"


def sql_error(error: sqlite3.Error, connection: sqlite3.Connection, statement: str) -> SqlError:
    """Return what the client is told."""
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return _refused(text, connection)
    for pattern, number, message in _missing:
        if match := pattern.search(text):
            return SqlError(number, message.format(match[1].strip("[]")))
    return unknown(f"what SQLite refuses as {text!r}", statement)


def _refused(text: str, connection: sqlite3.Connection) -> SqlError:
    if text == _too_long:
        return SqlError(2628, "String or binary data would be truncated.")
    match = _table.search(text)
    table, column = match.groups() if match else ("", "")
    if text.startswith("UNIQUE"):
        return _duplicate(table, column, connection)
    if text.startswith("NOT NULL"):
        message = f"Cannot insert the value NULL into column '{column}', table '{table}'."
        return SqlError(515, message)
    return SqlError(547, f"The INSERT statement conflicted with a constraint: {text}.")


def _duplicate(table: str, column: str, connection: sqlite3.Connection) -> SqlError:
    """Return 2601 for an index of its own, 2627 for a constraint of the table."""
    found = connection.execute(
        "SELECT i.name, i.origin FROM pragma_index_list(?) AS i, pragma_index_info(i.name) AS c"
        " WHERE i.[unique] AND c.name = ?",
        [table, column],
    ).fetchone()
    if found is not None and found[1] == "c":
        index = found[0].removeprefix(f"{table}.")
        message = f"Cannot insert duplicate key row in object '{table}' with unique index '{index}'"
        return SqlError(2601, f"{message}.", severity=14)
    message = (
        f"Violation of a UNIQUE or PRIMARY KEY constraint. Cannot insert duplicate key in '{table}'"
    )
    return SqlError(2627, f"{message}.", severity=14)
