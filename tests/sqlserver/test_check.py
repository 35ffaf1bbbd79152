"""What is wrong with options of SQL Server, each with its exact message."""

from __future__ import annotations

import pytest

from experimentframework_core.config import (
    BackplaneOptions,
    DataPlaneOptions,
    effective,
    load_text,
)
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugins import find_plugin
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions, plugin
from experimentframework_sqlserver._check import check_sql_server

SERVER = "Server=h;UID=app;PWD=hunter2"


def options(text: str = SERVER, **said: object) -> SqlServerOptions:
    """Return options with a connection string, and these said."""
    return SqlServerOptions(connection_string=Secret(text), **said)  # type: ignore[arg-type]


def said(bad: SqlServerOptions) -> list[tuple[str, str]]:
    """Return the path and message of all that is wrong with options."""
    return [(path, message) for path, message, *_ in check_sql_server(bad)]


@pytest.mark.parametrize(
    "good",
    [
        options(),
        options(f"Driver=FreeTDS;{SERVER}"),
        options(driver="/opt/libmsodbcsql-18.6.so.2.1"),
        options(schema="x" * 128, table_name="y" * 100),
        options(schema="Größe 1", table_name="a-b; DROP TABLE c --"),
    ],
)
def test_good_options_have_no_problem(good: SqlServerOptions) -> None:
    """Given options that work, When they are checked, Then nothing is said."""
    found = list(check_sql_server(good))

    assert found == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 129, "129 characters; expected at most "),
        ("\U0001f600" * 65, "130 characters; expected at most "),
        ("a\0b", "holds a character that cannot be printed"),
        ("a\nb", "holds a character that cannot be printed"),
        ("a\u202eb", "holds a character that cannot be printed"),
        (" a", "begins or ends with a space, which the server would not tell apart"),
        ("a ", "begins or ends with a space, which the server would not tell apart"),
        ("a$(x)", "holds '$(', which sqlcmd takes for a variable"),
        ("#a", "begins with '#': such a table is gone with its connection"),
        *(
            (name, "holds a dot, bracket or quote; expected the bare name, which we quote")
            for name in ("dbo.events", "[events]", '"events"', "it's")
        ),
    ],
)
def test_a_name_that_is_none(name: str, message: str) -> None:
    """Given a name that cannot be meant, When checked, Then schema and table both say why."""
    found = said(options(schema=name, table_name=name))

    limits = ("128", "100") if message.endswith("most ") else ("", "")
    assert found == [("schema", message + limits[0]), ("tableName", message + limits[1])]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (
            options(f"Driver=FreeTDS;{SERVER}", driver="FreeTDS"),
            ("driver", "connectionString names a Driver already; leave one of the two out"),
        ),
        *(
            (
                options(driver=driver),
                ("driver", "expected the driver's name or path as it is, without braces and ';'"),
            )
            for driver in ("{FreeTDS}", "FreeTDS;Server=x", "a\nb")
        ),
    ],
)
def test_a_driver_that_is_none(bad: SqlServerOptions, expected: tuple[str, str]) -> None:
    """Given a driver twice or in braces, When checked, Then the option says so."""
    found = said(bad)

    assert found == [expected]


def test_everything_is_told_at_once_and_no_secret_is() -> None:
    """Given a file with many mistakes, When it is loaded, Then each has its line and column."""
    text = """
dataPlane:
  backplane:
    type: sqlServer
    options:
      connectionString: Databse=events;PWD=hunter2
      tableName: dbo.events
      poolSize: 0
      retention: {batchSize: 5000}
"""

    with pytest.raises(ConfigurationError) as caught:
        load_text(text, name="e.yaml", find_plugin=find_plugin)

    path = "dataPlane.backplane.options."
    assert str(caught.value).splitlines() == [
        (
            f"e.yaml:6:7: {path}connectionString: its part 1 has an unknown keyword;"
            " did you mean 'Database'?"
        ),
        f"e.yaml:6:7: {path}connectionString: it has no Server",
        f"e.yaml:6:7: {path}connectionString: it has a PWD and no UID",
        (
            f"e.yaml:7:7: {path}tableName: holds a dot, bracket or quote; expected the bare name,"
            " which we quote"
        ),
        f"e.yaml:8:7: {path}poolSize: out of range: 0; expected a whole number, 1 to 100",
        f"e.yaml:9:7: {path}retention.days: missing; expected a whole number, 1 to 36,500",
        (
            f"e.yaml:9:19: {path}retention.batchSize: out of range: 5000; expected a whole number,"
            " 1 to 4,000"
        ),
    ]


def test_a_batch_has_a_hundred_events_unless_said() -> None:
    """Given nothing said of batches, When the channel is resolved, Then one has 100 events."""
    node = BackplaneOptions(type="sqlServer", options=options())

    channel = effective(DataPlaneOptions(batch_size=9), node, plugin)

    assert channel.batch_size == 100
