"""What holds for every test."""

from __future__ import annotations

import signal

from tests.peers.require import required


def pytest_configure() -> None:
    """Refuse a run that requires a peer which does not exist; let processes be interrupted.

    A shell has what it starts in the background ignore Ctrl-C, and so would all that we start.
    """
    required()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
