"""Logging: constant event names with keys, through the stdlib logger ``experimentframework``."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from experimentframework_core.errors import ExperimentFrameworkError

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

_WARNING_INTERVAL = 60.0


def encodable(text: str) -> str:
    """Return the text with lone surrogates, which have no encoding, written as escapes."""
    return text.encode(errors="backslashreplace").decode()


def text_of(error: BaseException) -> str:
    """Return what an error says, in text that can be encoded, however badly it is made."""
    try:
        return encodable(str(error))
    except Exception:  # noqa: BLE001 - a foreign class can do anything in __str__
        return "says nothing: its __str__ failed"


def brief(error: BaseException) -> str:
    """Return an error in one line: with the name of its class, unless it is one of ours."""
    text = text_of(error)
    if text and isinstance(error, ExperimentFrameworkError):
        return text
    return f"{type(error).__name__}: {text}"


def placed(error: BaseException) -> str:
    """Return what an error of the application's says of itself without its text, and where.

    The text may hold what the application was given: ids, cookies, tokens.
    """
    if isinstance(error, ExperimentFrameworkError):
        return brief(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = type(error).__name__
    if trace is None:
        return name
    return f"{name} at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


_stdlib = logging.getLogger("experimentframework")


class _Logger:
    """Hands over to structlog, which is loaded by the first line that is really written.

    What a handler raises ends here: no delivery and no publish fails for its log line.
    """

    def __init__(self) -> None:
        """Begin with nothing to complain of."""
        self._has_told = False

    def debug(self, event: str, **keys: Any) -> None:  # noqa: ANN401 - any facts
        """Log what only a developer wants to see."""
        self._log(logging.DEBUG, "debug", event, keys)

    def info(self, event: str, **keys: Any) -> None:  # noqa: ANN401 - any facts
        """Log what an operator may want to know although all is well."""
        self._log(logging.INFO, "info", event, keys)

    def warning(self, event: str, **keys: Any) -> None:  # noqa: ANN401 - any facts
        """Log what may need somebody's attention."""
        self._log(logging.WARNING, "warning", event, keys)

    def error(self, event: str, **keys: Any) -> None:  # noqa: ANN401 - any facts
        """Log what needs somebody's attention."""
        self._log(logging.ERROR, "error", event, keys)

    def _log(self, level: int, method: str, event: str, keys: dict[str, Any]) -> None:
        try:
            if _stdlib.isEnabledFor(level):
                getattr(_structlog(), method)(event, **keys)
        except Exception:  # noqa: BLE001 - whatever the application's handlers raise
            self._tell_once(event)

    def _tell_once(self, event: str) -> None:
        """Say on stderr that a line was lost, as `logging` says it, but only once."""
        if self._has_told or not logging.raiseExceptions or sys.stderr is None:
            return
        self._has_told = True
        with suppress(Exception):
            print(f"--- {event} was not logged, nor may others be ---", file=sys.stderr)  # noqa: T201
            traceback.print_exc()


logger = _Logger()


def _to_stdlib(
    _logger: logging.Logger, _method: str, event_dict: structlog.typing.EventDict
) -> tuple[tuple[str], dict[str, Any]]:
    """Say everything in the message, and hand the keys over for structured handlers as well."""
    event = event_dict.pop("event")
    exc_info = event_dict.pop("exc_info", None)
    keys = " ".join(f"{key}={value!r}" for key, value in event_dict.items())
    message = f"{event} {keys}".rstrip()
    return (message,), {"extra": {"structured": event_dict}, "exc_info": exc_info}


@cache
def _structlog() -> structlog.stdlib.BoundLogger:
    import structlog

    bound: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        _stdlib, processors=[_to_stdlib], wrapper_class=structlog.stdlib.BoundLogger
    )
    return bound


class Repeated:
    """Warnings that repeat at most once a minute each, with the number of those left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure the minute with ``clock``."""
        self._clock = clock
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, event: str, **keys: Any) -> None:  # noqa: ANN401 - any facts
        """Log the warning, or count it when the same event was logged less than a minute ago."""
        now = self._clock()
        if now - self._last.get(event, -_WARNING_INTERVAL) < _WARNING_INTERVAL:
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return
        self._last[event] = now
        if left_out := self._left_out.pop(event, 0):
            keys["left_out"] = left_out
        logger.warning(event, **keys)
