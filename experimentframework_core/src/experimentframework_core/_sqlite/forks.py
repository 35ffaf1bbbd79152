"""A fork waits for SQLite: what one of its threads holds just then, the child would wait for."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


LONGEST_FORK = 1.0
"""Seconds that a fork takes at most, once nobody works any more."""


class Forks:
    """Lets any number of threads work, or one fork."""

    def __init__(self) -> None:
        """Begin with nobody working."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all: nobody works. In a forked child the others are not there."""
        self._changed = Condition()
        self._working = 0
        self._forking = 0

    @contextmanager
    def kept_off(self) -> Iterator[None]:
        """Work with SQLite inside: no fork begins meanwhile, and none is going on.

        A fork that others keep waiting for longer than `LONGEST_FORK` waits for this work as well.
        One that lasts longer although nobody works never said that it ended, because a signal
        handler raised just then: it is forgotten.
        """
        with self._changed:
            over = self._changed.wait_for(lambda: not self._forking, LONGEST_FORK)
            if not over and not self._working:
                self._forking = 0
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def begin(self, timeout: float) -> bool:
        """Before a fork: let nobody begin, and return whether all ended within ``timeout``.

        It is false as well where they were let go on meanwhile.
        """
        with self._changed:
            self._forking += 1
            return self._changed.wait_for(lambda: not self._working, timeout) and self._forking > 0

    def end(self) -> None:
        """Let all go on: after a fork, in the parent."""
        with self._changed:
            self._forking = max(self._forking - 1, 0)
            self._changed.notify_all()
