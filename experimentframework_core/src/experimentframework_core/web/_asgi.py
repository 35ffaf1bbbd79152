"""The words of ASGI, as its specification and the frameworks have them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class HasScope(Protocol):
    """A request or WebSocket of a framework on ASGI."""

    @property
    def scope(self) -> Mapping[str, Any]:
        """The connection's ASGI scope."""


REQUESTS = ("http", "websocket")
"""The types of scope that somebody sends; ``lifespan`` is the other one."""
