"""Spans of who consumes events, linked to those in which they were published.

Needs the extra ``opentelemetry``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from experimentframework_core._traceparent import parse

try:
    from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
except ModuleNotFoundError as error:
    message = 'opentelemetry-api is missing: pip install "experimentframework[opentelemetry]"'
    raise ModuleNotFoundError(message, name=error.name) from None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.trace import Span, Tracer

    from experimentframework_core.envelope import Envelope, Record

__all__ = ["linked_span", "span_context", "span_link"]


def span_context(traceparent: str | None) -> SpanContext | None:
    """Return the span that a ``traceparent`` names; None for none, or where it is malformed."""
    found = parse(traceparent)
    if found is None:
        return None
    return SpanContext(
        trace_id=int.from_bytes(found.trace_id),
        span_id=int.from_bytes(found.span_id),
        is_remote=True,
        trace_flags=TraceFlags(found.flags),
    )


def span_link(event: Envelope | Record) -> Link | None:
    """Return a link to the span in which an event was published; None where there was none."""
    context = span_context(event.traceparent)
    return None if context is None else Link(context)


@contextmanager
def linked_span(tracer: Tracer, name: str, events: Iterable[Envelope | Record]) -> Iterator[Span]:
    """Make a consumer's span the current one, with links to where the events were published.

    Events that were published in one span give one link. The SDK keeps 128 links of a span, where
    it is not told otherwise (``OTEL_SPAN_LINK_COUNT_LIMIT``).

    Args:
        tracer: The application's tracer.
        name: What is done with the events, as in ``count exposures``.
        events: The events: what a reader gave, one or many.
    """
    batch = list(events)
    links = {event.traceparent: link for event in batch if (link := span_link(event)) is not None}
    attributes: dict[str, str | int] = {"messaging.batch.message_count": len(batch)}
    if len(batch) == 1:
        attributes["dataplane.event.id"] = batch[0].event_id
    with tracer.start_as_current_span(
        name,
        kind=SpanKind.CONSUMER,
        links=list(links.values()),
        attributes=attributes,
    ) as span:
        yield span
