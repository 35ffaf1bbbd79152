"""A database for the tests alone, or a schema where none may be made."""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

import pytest

from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions
from experimentframework_sqlserver._connection.connecting import target_of
from experimentframework_sqlserver._table.naming import names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyodbc

    from tests.peers.tds.peer import TdsPeer

on_a_server = pytest.mark.parametrize("engine", ["server"], indirect=True)
"""For what the TDS peer has not: writers side by side, changed columns, users, partitions."""


class Engine(NamedTuple):
    """Where the tests may make tables.

    Attributes:
        connection_string: How to connect to the database.
        schema: The schema that the tables are made in.
        peer: The TDS peer that it is, which fails as it is told; None where it is a server.
    """

    connection_string: str
    schema: str = "dbo"
    peer: TdsPeer | None = None

    def options(self, table: str, **changes: object) -> SqlServerOptions:
        """Return options with this table, and these changed."""
        return SqlServerOptions(
            connection_string=Secret(self.connection_string),
            schema=self.schema,
            table_name=table,
            **changes,  # type: ignore[arg-type]
        )


def connect(options: SqlServerOptions, *, autocommit: bool = True) -> pyodbc.Connection:
    """Return a connection that the backplane has no part in."""
    import pyodbc

    return pyodbc.connect(target_of(options).text.reveal(), timeout=15, autocommit=autocommit)


def rows(options: SqlServerOptions, query: str, *values: object) -> list[tuple[object, ...]]:
    """Return what a query finds; it names the table as ``[$(Schema)].[$(Table)]``."""
    with closing(connect(options)) as connection:
        found = connection.execute(names_of(options).within(query), *values)
        return [tuple(row) for row in found.fetchall()]


def execute(options: SqlServerOptions, statement: str, *values: object) -> None:
    """Execute a statement; it names the table as ``[$(Schema)].[$(Table)]``."""
    with closing(connect(options)) as connection:
        connection.execute(names_of(options).within(statement), *values)


@contextmanager
def fresh(given: str) -> Iterator[Engine]:
    """Yield a database that is gone afterwards; or a schema, where none may be made."""
    import pyodbc

    name = f"ef_test_{os.getpid()}_{token_hex(4)}"
    with closing(connect(Engine(given).options("none"))) as connection:
        try:
            connection.execute(f"CREATE DATABASE [{name}]")
        except pyodbc.Error:
            connection.execute(f"CREATE SCHEMA [{name}]")
            yield Engine(given, name)
            _empty(connection, name)
            connection.execute(f"DROP SCHEMA [{name}]")
        else:
            yield Engine(_in_database(given, name))
            connection.execute("USE master")
            _drop(connection, name)


def _drop(connection: pyodbc.Connection, database: str) -> None:
    """Drop a database; a connection to it may still be closing."""
    import pyodbc

    for _ in range(50):
        try:
            connection.execute(f"DROP DATABASE [{database}]")
        except pyodbc.Error:
            time.sleep(0.2)
        else:
            return
    connection.execute(f"DROP DATABASE [{database}]")


def _in_database(given: str, name: str) -> str:
    parts = [part for part in given.split(";") if part.strip()]
    others = [part for part in parts if part.partition("=")[0].strip().lower() != "database"]
    return ";".join([*others, f"Database={name}"])


def _empty(connection: pyodbc.Connection, schema: str) -> None:
    found = connection.execute(
        "SELECT name, type FROM sys.objects WHERE schema_id = SCHEMA_ID(?) AND type IN ('U', 'V')"
        " ORDER BY create_date DESC",
        schema,
    ).fetchall()
    for name, kind in found:
        what = "VIEW" if kind.strip() == "V" else "TABLE"
        connection.execute(f"DROP {what} [{schema}].[{name}]")
