"""What is closed when the interpreter ends, because nobody has closed it before."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - its hook has to be there before ours
import threading
from typing import Protocol


class Closable(Protocol):
    """Something to close."""

    def close(self) -> object:
        """Close it."""


_open: set[Closable] = set()


def close(each: Closable) -> None:
    """Close it when the interpreter ends."""
    _open.add(each)


def forget(each: Closable) -> None:
    """Leave it alone: it is closed, or is another process's."""
    _open.discard(each)


def _close_all() -> None:
    for each in list(_open):
        while True:
            try:
                each.close()
            except (KeyboardInterrupt, SystemExit):
                continue  # To end is what it does, and its time is limited.
            break


# `atexit` comes too late: executors, which backplanes work with, take nothing any more by then.
# `concurrent.futures` itself registers here, and the last one registered is called first.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
