"""The words of ASGI, as its specification and the frameworks have them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

Scope: TypeAlias = Mapping[str, Any]
Message: TypeAlias = Mapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An app. Starlette has mutable mappings here, Litestar a class for each kind of message: only
`Any` fits both.
"""


class HasScope(Protocol):
    """A request or WebSocket of a framework on ASGI."""

    @property
    def scope(self) -> Mapping[str, Any]:
        """The connection's ASGI scope."""


REQUESTS = ("http", "websocket")
"""The types of scope that somebody sends; ``lifespan`` is the other one."""
