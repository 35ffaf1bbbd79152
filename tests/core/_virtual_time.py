"""An event loop whose clock jumps to the next timer when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

FURTHEST = 1e7
"""Virtual seconds after which a test is certainly waiting for something that never comes."""


class _Clock:
    """The time, and what other threads still have to do before it may jump."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.elsewhere = 0


class _JumpingSelector(selectors.SelectSelector):
    """Looks for events without waiting, and moves the clock where it would have waited."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or (self._clock.elsewhere and timeout > 0):
            return super().select(None)
        events = super().select(0)
        if not events:
            self._clock.now += max(0.0, timeout)
        if self._clock.now > FURTHEST:
            message = "the virtual clock ran away: something polls for ever"
            raise RuntimeError(message)
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Waits of any length take no time; work in executors is waited for in earnest."""

    def __init__(self) -> None:
        """Begin at an odd time, so that nobody takes the clock for one that begins at zero."""
        self._virtual = _Clock()
        super().__init__(_JumpingSelector(self._virtual))

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual.now

    def run_in_executor(  # type: ignore[override]  # typeshed's has TypeVarTuple in Python 3.11
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Hold the clock still while the executor works."""
        self._virtual.elsewhere += 1
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._has_come_back)
        return future

    def _has_come_back(self, _future: asyncio.Future[Any]) -> None:
        self._virtual.elsewhere -= 1
