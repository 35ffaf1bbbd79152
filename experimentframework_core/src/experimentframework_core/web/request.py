"""What a subject provider sees of a request, in any framework on ASGI."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_core.web._asgi import Scope


class RequestView:
    """A request or WebSocket: what of it can say who it is about.

    Attributes:
        scope: Its ASGI scope, with all that a framework has put there.
    """

    def __init__(self, scope: Scope) -> None:
        """Look at ``scope``; nothing is read before it is asked for."""
        self.scope = scope

    @property
    def headers(self) -> dict[str, str]:
        """The headers by their names in lower case; a repeated one has its values joined."""
        found: dict[str, str] = {}
        for name, value in self.scope.get("headers", ()):
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            between = "; " if key == "cookie" else ", "
            found[key] = f"{found[key]}{between}{text}" if key in found else text
        return found

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name, unquoted as the frameworks do; of a repeated one the last.

        Anybody can write what they say.
        """
        unquoted = SimpleCookie().value_decode
        pairs = (each.partition("=") for each in self.headers.get("cookie", "").split(";"))
        return {name.strip(): unquoted(value.strip())[0] for name, equals, value in pairs if equals}

    @property
    def query(self) -> dict[str, str]:
        """The parameters behind ``?``, by name; of a repeated one the last."""
        text = self.scope.get("query_string", b"").decode("latin-1")
        return dict(parse_qsl(text, keep_blank_values=True))

    @property
    def path(self) -> str:
        """The path."""
        return str(self.scope.get("path", ""))

    @property
    def state(self) -> Mapping[str, Any]:
        """What middleware and the lifespan keep with the request."""
        return self.scope.get("state") or {}

    @property
    def user(self) -> object:
        """The user that an authentication middleware outside of this one has found; or None."""
        return self.scope.get("user")
