"""Looks for proton, the AMQP library that the broker of our own is made of."""

from __future__ import annotations

import importlib.util


def why_missing() -> str | None:
    """Return why the broker cannot run and what to do; None when it can."""
    if importlib.util.find_spec("proton") is None:
        return "python-qpid-proton is not installed; pip install -r requirements-peers.txt"
    return None
