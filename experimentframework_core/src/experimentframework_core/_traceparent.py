"""The W3C trace context in parts."""

from __future__ import annotations

import re
from typing import NamedTuple

_traceparent = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_zero = re.compile(r"0*")


class Context(NamedTuple):
    """A trace context.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        flags: The trace flags; 1 means sampled.
    """

    trace_id: bytes
    span_id: bytes
    flags: int


def parse(traceparent: str | None) -> Context | None:
    """Return a ``traceparent`` in parts; None where there is none, or it is malformed."""
    found = _traceparent.fullmatch(traceparent or "")
    if found is None or _zero.fullmatch(found[1]) or _zero.fullmatch(found[2]):
        return None
    return Context(bytes.fromhex(found[1]), bytes.fromhex(found[2]), int(found[3], 16))
