"""Keeps the client's log lines for developers: our own errors and health say what they say."""

from __future__ import annotations

import logging

_NAME = "azure.servicebus"


class ForDevelopers(logging.Filter):
    """Lets a line through where lines for developers are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


_filter = ForDevelopers()


def quieten() -> None:
    """Put the filter on each logger of azure-servicebus; more than once does no harm."""
    for name in list(logging.root.manager.loggerDict):
        if name == _NAME or name.startswith(f"{_NAME}."):
            logging.getLogger(name).addFilter(_filter)
