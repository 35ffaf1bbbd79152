"""The ids of an event's span: always the same for one event, however often it is delivered."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

_traceparent = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_zero = re.compile(r"0*")


class Context(NamedTuple):
    """A W3C trace context.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        flags: The trace flags; 1 means sampled.
    """

    trace_id: bytes
    span_id: bytes
    flags: int


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


def parse(traceparent: str | None) -> Context | None:
    """Return a ``traceparent`` in parts; None where there is none, or it is malformed."""
    found = _traceparent.fullmatch(traceparent or "")
    if found is None or _zero.fullmatch(found[1]) or _zero.fullmatch(found[2]):
        return None
    return Context(bytes.fromhex(found[1]), bytes.fromhex(found[2]), int(found[3], 16))


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
