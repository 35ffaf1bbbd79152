"""What holds for every test."""

from __future__ import annotations

from tests.peers.require import required


def pytest_configure() -> None:
    """Refuse a run that requires a peer which does not exist."""
    required()
