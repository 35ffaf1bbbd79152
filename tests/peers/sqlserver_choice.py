"""Decides where the tests of SQL Server get an engine from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

variable: Final = "EXPERIMENTFRAMEWORK_TEST_SQLSERVER"
"""The environment variable with the ODBC connection string of an engine which is there already."""


class Choice(NamedTuple):
    """Where the engine comes from; ``missing`` says why there is none.

    Attributes:
        kind: ``given`` by the variable, a ``docker`` container, or ``none``.
        connection_string: How to reach the engine that is given.
        missing: Why there is none, and what to do.
    """

    kind: Literal["given", "docker", "none"]
    connection_string: str = ""
    missing: str | None = None


def choose(environment: Mapping[str, str], *, docker_answers: Callable[[], bool]) -> Choice:
    """Return where to get an engine from: what is given, else Docker.

    Args:
        environment: The variables of the environment.
        docker_answers: Whether a Docker engine is there; asked only when it matters.
    """
    if given := environment.get(variable, "").strip():
        return Choice("given", given)
    if docker_answers():
        return Choice("docker")
    return Choice(
        "none",
        missing=(
            f"{variable} is not set and no Docker engine answers; set it to the ODBC connection "
            "string of a server where a database or a schema may be made, or start Docker"
        ),
    )
