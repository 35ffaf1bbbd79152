"""Where the tests of Service Bus get a broker from."""

from __future__ import annotations

from unittest.mock import Mock

from tests.peers.servicebus_choice import Choice, choose, variable


def _choice(given: str = "", *, docker: bool = False, missing: str | None = None) -> Choice:
    return choose({variable: given}, docker_answers=lambda: docker, why_no_peer=lambda: missing)


def test_what_is_given_comes_first() -> None:
    """Given a namespace and Docker, When a broker is chosen, Then it is the one given."""
    found = _choice(" Endpoint=sb://shop/;SharedAccessKey=k ", docker=True)

    assert found == Choice("given", "Endpoint=sb://shop/;SharedAccessKey=k")


def test_the_emulator_comes_next() -> None:
    """Given Docker, When a broker is chosen, Then it is a container."""
    found = _choice(docker=True)

    assert found == Choice("docker")


def test_the_peer_comes_last() -> None:
    """Given neither, When a broker is chosen, Then it is our own."""
    found = _choice()

    assert found == Choice("peer")


def test_docker_is_not_asked_where_a_namespace_is_given() -> None:
    """Given a namespace, When a broker is chosen, Then nobody waits for Docker."""
    docker = Mock(return_value=True)

    choose({variable: "Endpoint=sb://shop/"}, docker_answers=docker, why_no_peer=lambda: None)

    docker.assert_not_called()


def test_what_is_missing_is_told() -> None:
    """Given nothing at all, When a broker is chosen, Then it says what to do."""
    found = _choice(missing="proton is not installed; install it")

    assert found == Choice(
        "none",
        missing=(
            f"{variable} is not set, no Docker engine answers, and proton is not installed; "
            "install it"
        ),
    )
