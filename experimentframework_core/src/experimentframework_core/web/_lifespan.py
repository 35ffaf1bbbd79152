"""The lifespan between a server and an app, with a plane that is open around the app's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._exposure.current import serving
from experimentframework_core._log import brief

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from experimentframework_core.plane import DataPlane
    from experimentframework_core.web._asgi import ASGIApp, Message, Receive, Scope, Send

STARTED, FAILED = "lifespan.startup.complete", "lifespan.startup.failed"
ENDING, ENDED = "lifespan.shutdown", "lifespan.shutdown.complete"


class LifespanAround:
    """One run of a lifespan: the plane opens before the app starts and closes after it ended."""

    def __init__(self, app: ASGIApp, open_plane: Callable[[], Awaitable[DataPlane]]) -> None:
        """Open the plane with ``open_plane``; nothing is done yet."""
        self._app = app
        self._open = open_plane
        self._asked: list[Message] = []
        self._answers: dict[str, Message] = {}

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run it, and return when the server may end."""
        self._asked.append(await receive())
        try:
            plane = await self._open()
        except Exception as error:  # noqa: BLE001 - the server says why it does not start
            await send({"type": FAILED, "message": brief(error)})
            return
        try:
            with serving(plane):
                await self._run_app(scope, receive, send)
        finally:
            await plane.aclose()
            # The server may kill the process as soon as it has this, so the plane comes first.
            for answer in self._last_words:
                await send(answer)

    @property
    def _last_words(self) -> list[Message]:
        return [answer for kind, answer in self._answers.items() if kind.startswith(ENDING)]

    async def _run_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        last = ""

        async def hand_on() -> Message:
            nonlocal last
            message = self._asked.pop() if self._asked else await receive()
            last = message["type"]
            return message

        async def answer(message: Message) -> None:
            self._answers[message["type"]] = message
            if not message["type"].startswith(ENDING):
                await send(message)

        try:
            await self._app(scope, hand_on, answer)
        except Exception:
            if self._answers:
                raise
            # An app that raises before its first answer has no lifespan, says ASGI.
        if not self._answers:
            await answer({"type": STARTED})
        if FAILED in self._answers:
            return
        if last != ENDING:
            await receive()
        if not self._last_words:
            await answer({"type": ENDED})
