"""After a fork the child's copies of all open planes are made unusable: they are the parent's."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that a forked child must not use."""

    def after_fork_in_child(self) -> None:
        """Make this copy unusable, touching nothing that the parent holds."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(plane: Forkable) -> None:
    """Tell ``plane``'s copy when it finds itself in a forked child."""
    _watched.add(plane)


def _tell_all() -> None:
    for plane in list(_watched):
        plane.after_fork_in_child()
    _watched.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell_all)
