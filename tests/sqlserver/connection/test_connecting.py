"""What the driver is given, and what never gets out of there."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions
from experimentframework_sqlserver._connection.connecting import Target, target_of
from experimentframework_sqlserver._connection.pairs import pairs_of


def target(text: str) -> Target:
    return target_of(SqlServerOptions(connection_string=Secret(text)))


def values(found: Target) -> dict[str, str]:
    return {pair.keyword: pair.value for pair in pairs_of(found.text.reveal())}


def test_the_driver_stands_first() -> None:
    """Given a connection string, When the driver's is made, Then it begins with the driver."""
    found = target("Server=db;Database=shop;User Id=app;Password={a;b}")

    assert found.text.reveal().startswith("Driver=")
    assert values(found)["PWD"] == "a;b"


@pytest.mark.parametrize("said", ["", ";MARS_Connection=yes", ";MultipleActiveResultSets=True"])
def test_one_statement_at_a_time(said: str) -> None:
    """Given whatever is said, When the driver's string is made, Then there is no MARS."""
    assert values(target(f"Server=db;UID=app;PWD=p{said}"))["MARS_Connection"] == "No"


@pytest.mark.parametrize(
    ("said", "name"), [("", "experimentframework"), (";Application Name=shop", "shop")]
)
def test_the_server_is_told_who_connects(said: str, name: str) -> None:
    """Given an application's name or none, When connecting, Then the server is told one."""
    assert values(target(f"Server=db;UID=app;PWD=p{said}"))["APP"] == name


@pytest.mark.parametrize(("said", "seconds"), [("", 7), (";Connect Timeout=3", 3)])
def test_signing_in_takes_bounded_time(said: str, seconds: int) -> None:
    """Given a timeout or none, When connecting, Then signing in ends after it."""
    assert target(f"Server=db;UID=app;PWD=p{said}").login_timeout == seconds


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (";Database=shop", "database 'shop' on server 'db,1433'"),
        ("", "the user's database on server 'db,1433'"),
    ],
)
def test_the_place_in_words(said: str, place: str) -> None:
    """Given a server, When errors name the place, Then they say the database and the server."""
    assert target(f"Server=db,1433;UID=app;PWD=p{said}").place == place


@pytest.mark.parametrize(
    ("password", "text", "masked"),
    [
        ("hunter2", "PWD=hunter2;UID=app", "PWD=***;UID=app"),
        ("a;}b", "near PWD={a;}}b} and a;}b", "near PWD={***} and ***"),
        ("sa", "Login failed for user 'sa', said", "Login failed for user '***', said"),
    ],
)
def test_the_password_is_masked(password: str, text: str, masked: str) -> None:
    """Given an error that quotes the password, When it is shown, Then the password is not."""
    quoted = password.replace("}", "}}")

    found = target(f"Server=db;UID=app;PWD={{{quoted}}}")

    assert found.masked(text) == masked


def test_without_a_password_nothing_is_masked() -> None:
    """Given a trusted connection, When an error is shown, Then it is as it was."""
    assert target("Server=db;Trusted_Connection=yes").masked("a b") == "a b"


def test_a_wrong_string_is_refused_without_quoting_it() -> None:
    """Given a string of no form, When it is used all the same, Then the error does not quote it."""
    with pytest.raises(UnavailableError, match="connectionString: ") as told:
        target("Server=db;UID=app;hunter2")

    assert "hunter2" not in str(told.value)
