"""The W3C trace context of the caller, where OpenTelemetry is in use."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

MODULE = "opentelemetry.trace"
"""What an application imports before it can have a span."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext


class Traceparent:
    """Gives the ``traceparent`` of the current span, or None; generated code asks its parts.

    Attributes:
        current_context: Gives OpenTelemetry's current context. A context never changes: entering
            a span makes another one.
        last: The context that was looked into last, and its span's text.
    """

    __slots__ = ("_current_span", "current_context", "last")

    def __init__(
        self,
        current_context: Callable[[], Context],
        current_span: Callable[[Context], Span],
    ) -> None:
        """Ask these two functions of OpenTelemetry."""
        self.current_context = current_context
        self._current_span = current_span
        self.last: tuple[Context | None, str | None] = (None, None)

    def __call__(self) -> str | None:
        """Return the text for the current span, or None where there is none."""
        here = self.current_context()
        known, text = self.last
        return text if here is known else self.of(here)

    def of(self, context: Context) -> str | None:
        """Return the text for that context's span, or None, and remember it."""
        span = self._current_span(context).get_span_context()
        text = _text(span) if span.is_valid else None
        self.last = (context, text)
        return text


def traceparent_source() -> Traceparent | None:
    """Return what gives the current span's ``traceparent``, or None.

    None when the application has not imported OpenTelemetry: then there is no span to ask for,
    and nobody pays for the question.
    """
    if MODULE not in sys.modules:
        return None
    try:
        from opentelemetry import context, trace
    except ImportError:  # The application's import has failed, or is about to.
        return None
    return Traceparent(context.get_current, trace.get_current_span)


def _text(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
