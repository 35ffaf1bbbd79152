"""What belongs to one event loop in one process, from its opening to its closing."""

from __future__ import annotations

import asyncio
from threading import get_ident
from typing import TYPE_CHECKING, NoReturn

from experimentframework_core._plane import fork
from experimentframework_core.errors import DataPlaneClosedError

if TYPE_CHECKING:
    from collections.abc import Callable


class Bound:
    """Knows the loop on which it was opened, and why it cannot be used where it cannot."""

    def __init__(self) -> None:
        """Begin unusable: it is not open."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_running: Callable[[], bool] = bool
        self._thread = 0
        self._unusable = "the plane is not open: use it in `async with`"

    def _bind(self) -> None:
        """Belong to the running loop, and to this process only."""
        self._loop = asyncio.get_running_loop()
        self._is_running = self._loop.is_running
        self._thread = get_ident()
        fork.watch(self)

    def _disable(self, why: str) -> None:
        self._loop = None
        self._is_running = bool
        self._thread = 0
        self._unusable = why

    def after_fork_in_child(self) -> None:
        """Make this copy unusable: its tasks and connections are the parent's."""
        self._disable("this process was forked from the plane's: open a new plane here")

    @property
    def _is_here(self) -> bool:
        """Whether the running loop is its own; in a forked child there is none."""
        running = asyncio._get_running_loop()  # noqa: SLF001 - documented for frameworks
        return running is not None and running is self._loop

    def _refuse(self) -> NoReturn:
        if self._loop is None:
            raise DataPlaneClosedError(self._unusable)
        message = (
            "the plane was opened on another event loop: await publish() there, or call"
            " publish_threadsafe() from this thread"
        )
        raise DataPlaneClosedError(message)
