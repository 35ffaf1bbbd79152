"""Keeps the client's log lines for developers: our own errors and health say what they say."""

from __future__ import annotations

import logging
from contextvars import Context, ContextVar, copy_context

_NAME = "azure.servicebus"

_ON_A_LOST_CONNECTION = "socket.send() raised exception."
"""What asyncio warns of with each write of a client whose connection has gone."""

_in_call = ContextVar("experimentframework_servicebus.in_call", default=False)


def context_of_call() -> Context:
    """Return a context for a call of the client, in which asyncio does not warn of that."""
    context = copy_context()
    context.run(_in_call.set, True)  # noqa: FBT003 - it takes no names
    return context


class ForDevelopers(logging.Filter):
    """Lets a line through where lines for developers are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


class NotOfCalls(logging.Filter):
    """Keeps back the warning of a lost connection, of our calls and nobody else's."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        return not _in_call.get() or record.msg != _ON_A_LOST_CONNECTION


_filter = ForDevelopers()
_not_of_calls = NotOfCalls()


def quieten() -> None:
    """Put the filters on asyncio's and the client's loggers; more than once does no harm."""
    logging.getLogger("asyncio").addFilter(_not_of_calls)
    for name in list(logging.root.manager.loggerDict):
        if name == _NAME or name.startswith(f"{_NAME}."):
            logging.getLogger(name).addFilter(_filter)
