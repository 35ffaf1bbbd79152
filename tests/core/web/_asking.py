"""Asks an ASGI app as a server does, without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_core.web._answers import App


class Said(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


async def ask(
    app: App,
    path: str,
    *,
    method: str = "GET",
    root_path: str = "",
    headers: Mapping[str, str] | None = None,
) -> Said:
    """Send a request to the app and return its answer."""
    sent: list[dict[str, Any]] = []
    named = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": root_path,
        "headers": named,
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, body = sent
    decoded = {name.decode(): value.decode() for name, value in start["headers"]}
    return Said(start["status"], decoded, body["body"])
