"""The W3C trace context of the caller, where OpenTelemetry is in use."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

MODULE = "opentelemetry.trace"
"""What an application imports before it can have a span."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import SpanContext


def traceparent_source() -> Callable[[], str | None] | None:
    """Return a function that gives the current span's ``traceparent``, or None.

    None when the application has not imported OpenTelemetry: then there is no span to ask for,
    and nobody pays for the question.
    """
    if MODULE not in sys.modules:
        return None
    try:
        from opentelemetry import context, trace
    except ImportError:  # The application's import has failed, or is about to.
        return None

    current_context, current_span = context.get_current, trace.get_current_span
    last: tuple[object, str | None] = (None, None)

    def traceparent() -> str | None:
        nonlocal last
        here = current_context()
        known, text = last
        if here is not known:
            # A context never changes: entering a span makes another one.
            span = current_span(here).get_span_context()
            text = _text(span) if span.is_valid else None
            last = (here, text)
        return text

    return traceparent


def _text(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
