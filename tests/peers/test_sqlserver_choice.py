"""Where the tests of SQL Server get an engine from."""

from __future__ import annotations

from unittest.mock import Mock

from tests.peers.sqlserver_choice import Choice, choose, variable


def _choice(given: str = "", *, docker: bool = False) -> Choice:
    return choose({variable: given}, docker_answers=lambda: docker)


def test_what_is_given_comes_first() -> None:
    """Given an engine and Docker, When an engine is chosen, Then it is the one given."""
    found = _choice(" SERVER=here;UID=sa;PWD=p ", docker=True)

    assert found == Choice("given", "SERVER=here;UID=sa;PWD=p")


def test_docker_comes_next() -> None:
    """Given only Docker, When an engine is chosen, Then it is a container."""
    found = _choice(docker=True)

    assert found == Choice("docker")


def test_docker_is_not_asked_where_an_engine_is_given() -> None:
    """Given an engine, When an engine is chosen, Then nobody waits for Docker."""
    docker = Mock(return_value=True)

    choose({variable: "SERVER=here"}, docker_answers=docker)

    docker.assert_not_called()


def test_what_is_missing_is_told() -> None:
    """Given neither, When an engine is chosen, Then it says what to do."""
    found = _choice()

    assert found.kind == "none"
    assert found.missing is not None
    assert found.missing.startswith(f"{variable} is not set and no Docker engine answers; set it")
