"""Who stands still while another thread forks the process: loops, and whoever `keep` says."""

from __future__ import annotations

import os
from threading import Lock, get_ident
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

fork_timeout = 5.0
"""Seconds that a fork waits for the loops, all together, and a loop at most for the fork."""


class Pause:
    """A loop stands still between two of its steps, until this thread says `end`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop stand still as soon as it has done its step.

        Raises:
            RuntimeError: The loop is closed.
        """
        self._begun, self._over = Lock(), Lock()
        self._begun.acquire()
        self._over.acquire()
        keep(self.end)
        loop.call_soon_threadsafe(self._stand)

    def _stand(self) -> None:
        self._begun.release()
        self._over.acquire(timeout=fork_timeout)

    def wait(self, timeout: float) -> None:
        """Return when it stands still, or after that many seconds."""
        self._begun.acquire(timeout=timeout)

    def end(self) -> None:
        """Let the loop go on."""
        self._over.release()


_of_threads: dict[int, list[Callable[[], None]]] = {}
"""What lets go on those whom each thread has stopped that is forking."""


def keep(let_go_on: Callable[[], None]) -> None:
    """Before a fork: have `end` call this, once."""
    _of_threads.setdefault(get_ident(), []).append(let_go_on)


def begin(makers: Iterable[Callable[[], Pause | None]]) -> None:
    """Before a fork: return when all loops stand still, or after `fork_timeout` seconds."""
    pauses = [pause for make in makers if (pause := make())]
    until = monotonic() + fork_timeout
    for pause in pauses:
        pause.wait(max(until - monotonic(), 0))


def end() -> None:
    """Let all go on: after a fork, or before this thread waits for one of them.

    That is where a signal handler has interrupted it in the midst of a fork.
    """
    for let_go_on in _of_threads.pop(get_ident(), ()):
        let_go_on()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=end, after_in_child=_of_threads.clear)
