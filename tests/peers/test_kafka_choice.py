"""Where the tests of Kafka get a broker from."""

from __future__ import annotations

import pytest

from tests.peers.kafka_choice import Choice, choose, variable
from tests.peers.kafka_docker import environment


def _choice(
    given: str = "", *, docker: bool = False, programs: tuple[str, ...] = (), cached: bool = False
) -> Choice:
    return choose(
        {variable: given},
        docker_answers=lambda: docker,
        find=lambda name: f"/usr/bin/{name}" if name in programs else None,
        cached=cached,
    )


def test_what_is_given_comes_first() -> None:
    """Given brokers, Docker and Java, When a broker is chosen, Then it is the one given."""
    found = _choice(" one:9092 ", docker=True, programs=("java", "mvn"))

    assert found == Choice("given", "one:9092")


def test_docker_comes_before_java() -> None:
    """Given Docker and Java, When a broker is chosen, Then it is a container."""
    found = _choice(docker=True, programs=("java", "mvn"))

    assert found == Choice("docker")


def test_java_comes_last() -> None:
    """Given only Java and Maven, When a broker is chosen, Then it is a process."""
    found = _choice(programs=("java", "mvn"))

    assert found == Choice("java")


def test_maven_is_not_needed_where_the_jars_are() -> None:
    """Given Java and the jars, When a broker is chosen, Then Maven need not be there."""
    found = _choice(programs=("java",), cached=True)

    assert found == Choice("java")


@pytest.mark.parametrize(
    ("programs", "lacking"),
    [((), "no java and no mvn"), (("java",), "no mvn"), (("mvn",), "no java")],
)
def test_what_is_missing_is_told(programs: tuple[str, ...], lacking: str) -> None:
    """Given none of the three, When a broker is chosen, Then it says what is missing."""
    found = _choice(programs=programs)

    assert found.kind == "none"
    assert found.missing is not None
    assert f"there is {lacking} in PATH" in found.missing


def test_the_container_tells_clients_the_port_of_this_machine() -> None:
    """Given a port of this machine, When the container is set up, Then clients are sent there."""
    found = environment(40123)

    assert found["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:40123"
    assert found["KAFKA_LISTENERS"].startswith("PLAINTEXT://:9092,")
    assert found["KAFKA_PROCESS_ROLES"] == "broker,controller"
