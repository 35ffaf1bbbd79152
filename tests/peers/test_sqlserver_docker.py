"""How a container with SQL Server is set up, and how it is reached."""

from __future__ import annotations

from experimentframework_sqlserver._connection.connection_string import ConnectionString, parse
from tests.peers.sqlserver_docker import connection_string, environment


def test_the_container_accepts_the_licence_and_has_a_password() -> None:
    """Given a password, When the container is set up, Then the engine may start with it."""
    found = environment("secret")

    assert found["ACCEPT_EULA"] == "Y"
    assert found["MSSQL_SA_PASSWORD"] == "secret"


def test_the_connection_string_is_one_that_the_backplane_takes() -> None:
    """Given a host and a port, When the string is read as an option, Then nothing is wrong."""
    found = parse(connection_string("127.0.0.1", 40123, "secret"))

    assert isinstance(found, ConnectionString)
    assert found.server == "127.0.0.1,40123"
