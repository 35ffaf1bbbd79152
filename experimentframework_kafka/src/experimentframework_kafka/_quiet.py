"""Keeps aiokafka's log lines from repeating: an outage would bring hundreds a second."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 60.0

TOLD = (
    "Unable connect to",
    "Unable to request metadata",
    "Unable to update metadata",
    "Topic %s is not a",
    "Topic %s not found",
    "Got error produce response",
    "Cannot send %r to",
    "Could not send %r",
    "Failed fetch ",
    "Received unknown topic or partition error",
    "Sending username and password in the clear",
)
"""How lines begin whose matter our own errors and problems tell; they are for developers only."""


class OncePerInterval(logging.Filter):
    """Lets a line of a kind through once a minute, with the number of those left out.

    What we tell ourselves is let through where lines for developers are.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure the minute with ``clock``."""
        super().__init__()
        self._clock = clock
        self._last: dict[tuple[int, str], float] = {}
        self._left_out: dict[tuple[int, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written; lines below a warning always are."""
        if record.levelno < logging.WARNING:
            return True
        if str(record.msg).startswith(TOLD):
            return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)
        kind, now = (record.levelno, str(record.msg)), self._clock()
        last = self._last.get(kind)
        if last is not None and now - last < INTERVAL:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        self._last[kind] = now
        if left_out := self._left_out.pop(kind, 0):
            record.msg = f"{record.getMessage()} ({left_out} more like it since the last)"
            record.args = ()
        return True


_filter = OncePerInterval()


def quieten() -> None:
    """Put the filter on each logger of aiokafka; more than once does no harm."""
    for name in list(logging.root.manager.loggerDict):
        if name == "aiokafka" or name.startswith("aiokafka."):
            logging.getLogger(name).addFilter(_filter)
