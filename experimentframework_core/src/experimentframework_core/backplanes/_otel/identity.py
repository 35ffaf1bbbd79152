"""The ids of an event's span: always the same for one event, however often it is delivered."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from experimentframework_core._traceparent import Context


class SpanIds(NamedTuple):
    """Where an event's span stands.

    Attributes:
        trace_id: That of the trace in which the event was published, or one of its own.
        span_id: Made from the event's id.
        parent_id: The span in which the event was published; empty where there was none.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes


def span_ids(event_id: str, context: Context | None) -> SpanIds:
    """Return the ids of an event's span.

    Without a trace context the event is a trace of its own, whose id is the event's where that is
    a UUID, so that one can be found by the other.
    """
    if context is not None:
        return SpanIds(context.trace_id, _made(event_id, 8), context.span_id)
    try:
        trace_id = bytes.fromhex(event_id.replace("-", ""))
    except ValueError:
        trace_id = b""
    if len(trace_id) != 16 or not any(trace_id):  # noqa: PLR2004 - bytes of a trace id
        trace_id = _made(event_id, 16)
    return SpanIds(trace_id, _made(event_id, 8), b"")


def _made(event_id: str, size: int) -> bytes:
    return blake2b(event_id.encode(), digest_size=size).digest()
