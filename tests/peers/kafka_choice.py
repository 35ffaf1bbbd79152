"""Decides where the tests of Kafka get a broker from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

variable: Final = "EXPERIMENTFRAMEWORK_TEST_KAFKA"
"""The environment variable that names the brokers of a cluster which is there already."""


class Choice(NamedTuple):
    """Where the broker comes from; ``missing`` says why there is none.

    Attributes:
        kind: ``given`` by the variable, a ``docker`` container, a ``java`` process, or ``none``.
        brokers: The brokers that are given.
        missing: Why there is none, and what to do.
    """

    kind: Literal["given", "docker", "java", "none"]
    brokers: str = ""
    missing: str | None = None


def choose(
    environment: Mapping[str, str],
    *,
    docker_answers: Callable[[], bool],
    find: Callable[[str], str | None],
    cached: bool,
) -> Choice:
    """Return where to get a broker from: what is given, else Docker, else Java.

    Args:
        environment: The variables of the environment.
        docker_answers: Whether a Docker engine is there; asked only when it matters.
        find: Returns the path of a program, or None.
        cached: Whether Kafka's jars are there already, so that Maven is not needed.
    """
    if brokers := environment.get(variable, "").strip():
        return Choice("given", brokers)
    if docker_answers():
        return Choice("docker")
    lacking = [each for each in ("java", *(() if cached else ("mvn",))) if find(each) is None]
    if not lacking:
        return Choice("java")
    return Choice(
        "none",
        missing=(
            f"{variable} names no broker, no Docker engine answers, and there is no "
            f"{' and no '.join(lacking)} in PATH; do one of the three (Kafka runs on a JDK 17 or "
            "newer, Maven gets it)"
        ),
    )
