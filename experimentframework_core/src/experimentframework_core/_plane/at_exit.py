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


ATTEMPTS = 100
"""How often it is tried to close something: the handler of each signal may raise and end it."""

_open: set[Closable] = set()


def close(each: Closable) -> None:
    """Close it when the interpreter ends."""
    _open.add(each)


def forget(each: Closable) -> None:
    """Leave it alone: it is closed, or is another process's."""
    _open.discard(each)


def _close_all() -> None:
    errors = [error for each in list(_open) if (error := _close_surely(each))]
    if errors:
        raise errors[0]


def _close_surely(each: Closable) -> BaseException | None:
    """Close it also where signal handlers raise meanwhile; its time is limited all the same."""
    error: BaseException | None = None
    for _ in range(ATTEMPTS):
        try:
            each.close()
        except BaseException as raised:  # noqa: BLE001 - a handler raises anything
            error = raised
        else:
            return None
    return error


# `atexit` comes too late: executors, which backplanes work with, take nothing any more by then.
# `concurrent.futures` itself registers here, and the last one registered is called first.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
