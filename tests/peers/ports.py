"""Ports of 127.0.0.1 for servers that are told where to listen, and for nobody at all."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from typing import Final

_ports: Final = range(12_000, 32_000)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that nobody else is given.

    It is none that the system gives to connections, one of which could have it before a server.
    This process keeps the same port of UDP until it ends, so that no other call returns it: not
    while the server that it is meant for starts, and not while that is away for a while.
    """
    for port in random.sample(_ports, len(_ports)):
        with suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as claim:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
            claim.detach()
            return port
    raise RuntimeError(f"no port of {_ports} is free")
