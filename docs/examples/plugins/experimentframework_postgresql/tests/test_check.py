"""What is refused before anything is opened."""

from __future__ import annotations

import pytest

from experimentframework_core.units import Secret
from experimentframework_postgresql import PostgreSqlOptions, plugin

good = "postgresql://shop@db.internal/shop"


def problems(connection_string: str = good, **given: object) -> list[tuple[str, str]]:
    """Return the paths and messages of what is wrong."""
    assert plugin.check is not None
    options = PostgreSqlOptions(connection_string=Secret(connection_string), **given)  # type: ignore[arg-type]
    return [(path, message) for path, message, *_ in plugin.check(options)]


@pytest.mark.parametrize(
    "text",
    [
        good,
        "postgres://shop:not%40this@db.internal:5433/shop?sslmode=verify-full",
        "postgresql://one.internal:5432,two.internal:5433/shop?target_session_attrs=primary",
        "postgresql://[::1]:5432/shop",
        "postgresql:///shop?host=/run/postgresql",
        "postgresql://shop@%2Frun%2Fpostgresql/shop",
        "postgresql://shop@db.internal/shop?application_name=shop&options=-c%20jit%3Doff&my.own=1",
    ],
)
def test_good_connection_strings(text: str) -> None:
    """Given a connection string that the driver takes, When checked, Then nothing is wrong."""
    found = problems(text)

    assert found == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("host=db.internal password=hunter2", "does not begin with postgresql://"),
        ("mysql://shop:hunter2@db.internal/shop", "does not begin with postgresql://"),
        ("postgresql://shop:hunter2@home@db.internal/shop", "write them as %40"),
        ("postgresql://shop:hunter2#x@db.internal/shop", "write them as %40, %23"),
        ("postgresql://shop:hunter2/x@db.internal/shop", "%2F"),
        ("postgresql://shop:hunter2@db.internal:0/shop", "expected 1 to 65,535"),
        ("postgresql://shop:hunter2@db.internal:65536/shop", "expected 1 to 65,535"),
        ("postgresql://shop:hunter2@[::1/shop", "cannot be read"),
        ("postgresql://shop:hunter2@db.internal/shop?sslmode", "cannot be read"),
        ("postgresql://shop:hunter2@db.internal/my shop", "a blank"),
        ("postgresql://shop:1?pw=hunter2@db.internal/shop", "%3F"),
        ("postgresql://shop:hunter2@db/shop?sslmode=banana", "its sslmode is none; expected"),
        ("postgresql://shop:hunter2@db/shop?target_session_attrs=x", "prefer-standby"),
        (
            "postgresql://shop:hunter2@db/shop?connect_timeout=3",
            "connect_timeout is known to libpq",
        ),
        ("postgresql://shop:hunter2@db.internal/shop?foo=bar", "its foo is no parameter of the"),
        ("postgresql://shop:hunter2\0@db.internal/shop", "cannot be printed"),
    ],
)
def test_bad_connection_strings(text: str, says: str) -> None:
    """Given a connection string that is wrong, When checked, Then it is said, and not shown."""
    [(path, message)] = problems(text)

    assert path == "connectionString"
    assert says in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        ({"table_name": "e" * 52}, "tableName", "it has 52 bytes; expected at most 51"),
        ({"table_name": "a\nb"}, "tableName", "characters that cannot be printed"),
        ({"table_name": "$(schema)"}, "tableName", "without '$('"),
        ({"schema": "ä" * 32}, "schema", "it has 64 bytes; expected at most 63"),
    ],
)
def test_bad_names(given: dict[str, str], path: str, says: str) -> None:
    """Given a name that the server would cut or refuse, When checked, Then it is said."""
    [(found, message)] = problems(**given)

    assert found == path
    assert says in message


@pytest.mark.parametrize(
    "text", ["postgresql://shop:one@db.internal/shop", "postgresql://db.internal?password=one"]
)
def test_two_passwords_are_refused(text: str) -> None:
    """Given a password in the connection string and another, When checked, Then it is said."""
    [(path, message)] = problems(text, password=Secret("two"))

    assert (path, message) == (
        "password",
        "connectionString has a password too; leave one of them out",
    )


def test_all_problems_are_told_at_once() -> None:
    """Given several problems, When checked, Then each is told."""
    found = problems("nowhere", schema="\n", table_name="\n")

    assert [path for path, _ in found] == ["connectionString", "schema", "tableName"]
