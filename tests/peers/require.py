"""Tests that need a server or a system library ask for it here."""

from __future__ import annotations

import os
from typing import Final

import pytest

variable: Final = "EXPERIMENTFRAMEWORK_REQUIRE"
peers: Final = frozenset({"kafka", "odbc", "postgresql", "proton", "sqlserver"})
"""What a test may ask for: a Kafka broker, an ODBC driver manager, the programs of a PostgreSQL
server, the AMQP library proton, an engine that is SQL Server or speaks its language."""


def required() -> frozenset[str]:
    """Return the peers that must be there, as the environment variable names them.

    Raises:
        pytest.UsageError: It names something that is no peer.
    """
    named = frozenset(name.strip() for name in os.environ.get(variable, "").split(",")) - {""}
    if unknown := named - peers:
        raise pytest.UsageError(
            f"{variable} names {', '.join(sorted(unknown))}; known are {', '.join(sorted(peers))}"
        )
    return named


def require(peer: str, *, missing: str | None) -> None:
    """Go on if the peer is there; else skip the test, or fail it where the peer is required.

    Args:
        peer: One of `peers`.
        missing: Why the peer cannot be used and what to do; None when it is there.
    """
    if peer not in peers:
        raise ValueError(f"{peer!r} is no peer; known are {', '.join(sorted(peers))}")
    if missing is None:
        return
    if peer in required():
        pytest.fail(f"{variable} asks for {peer}: {missing}")
    pytest.skip(f"{peer}: {missing}")
