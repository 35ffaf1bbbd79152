"""Answers of a small ASGI app, without a framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

Scope: TypeAlias = Mapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, object]]]
Send: TypeAlias = Callable[[dict[str, object]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Answer(msgspec.Struct, frozen=True):
    """What is sent back.

    Attributes:
        status: The HTTP status.
        body: The content.
        content_type: What it is.
        allow: The methods that the path knows, where the request had another; else None.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    allow: str | None = None


async def send_answer(answer: Answer, send: Send, *, with_body: bool) -> None:
    """Send it; without its body for HEAD."""
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if answer.allow is not None:
        headers.append((b"allow", answer.allow.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Say that all is ready, and in the end that all is done: there is nothing to do."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


def header(scope: Scope, name: bytes) -> str:
    """Return a header of the request; empty where it has none."""
    headers = scope.get("headers")
    if not isinstance(headers, list | tuple):
        return ""
    return b", ".join(value for key, value in headers if key == name).decode("latin-1")


def path_below(scope: Scope) -> str:
    """Return the path below the place where the app is mounted, without a slash at its end."""
    path, root = str(scope.get("path") or ""), str(scope.get("root_path") or "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return path.rstrip("/")
