"""Decides where the tests of Service Bus get a broker from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

variable: Final = "EXPERIMENTFRAMEWORK_TEST_SERVICEBUS"
"""The environment variable with the connection string of a namespace which is there already."""


class Choice(NamedTuple):
    """Where the broker comes from; ``missing`` says why there is none.

    Attributes:
        kind: ``given`` by the variable, Microsoft's emulator in a ``docker`` container, the
            ``peer`` of our own, or ``none``.
        connection_string: How to reach the namespace that is given.
        missing: Why there is none, and what to do.
    """

    kind: Literal["given", "docker", "peer", "none"]
    connection_string: str = ""
    missing: str | None = None


def choose(
    environment: Mapping[str, str],
    *,
    docker_answers: Callable[[], bool],
    why_no_peer: Callable[[], str | None],
) -> Choice:
    """Return where to get a broker from: what is given, else Docker, else the peer.

    Args:
        environment: The variables of the environment.
        docker_answers: Whether a Docker engine is there; asked only when it matters.
        why_no_peer: Why the peer cannot run; None when it can.
    """
    if given := environment.get(variable, "").strip():
        return Choice("given", given)
    if docker_answers():
        return Choice("docker")
    why = why_no_peer()
    if why is None:
        return Choice("peer")
    return Choice("none", missing=f"{variable} is not set, no Docker engine answers, and {why}")
