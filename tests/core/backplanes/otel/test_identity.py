"""The ids of spans: made from the event, the same each time."""

from __future__ import annotations

import pytest

from experimentframework_core._traceparent import parse
from experimentframework_core.backplanes._otel.identity import span_ids

EVENT_ID = "019c2149-31f0-7000-8000-0123456789ab"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
SAME = "10786326ac1a5db3"


def test_a_span_is_a_child_of_the_caller_s() -> None:
    """Given a context, When ids are made, Then they are of its trace and below its span."""
    context = parse(f"00-{TRACE_ID}-{SPAN_ID}-01")

    ids = span_ids(EVENT_ID, context)

    assert (ids.trace_id.hex(), ids.parent_id.hex()) == (TRACE_ID, SPAN_ID)


def test_an_event_without_context_is_its_own_trace() -> None:
    """Given no context, When ids are made, Then the trace is found by the event's id."""
    ids = span_ids(EVENT_ID, None)

    assert ids.trace_id.hex() == EVENT_ID.replace("-", "")
    assert ids.parent_id == b""


@pytest.mark.parametrize("event_id", ["e-1", "00000000-0000-0000-0000-000000000000", "abcd"])
def test_an_id_that_is_no_uuid_gives_a_trace_id_too(event_id: str) -> None:
    """Given an id of others, When ids are made, Then they are valid ones."""
    ids = span_ids(event_id, None)

    assert len(ids.trace_id) == 16
    assert any(ids.trace_id)


def test_ids_are_always_the_same() -> None:
    """Given one event, When ids are made in another process, Then they are these."""
    ids = span_ids(EVENT_ID, None)

    assert ids.span_id.hex() == SAME
    assert span_ids(EVENT_ID, parse(f"00-{TRACE_ID}-{SPAN_ID}-01")).span_id == ids.span_id


def test_different_events_have_different_spans() -> None:
    """Given many events, When their ids are made, Then no two are equal."""
    made = {span_ids(f"e-{number}", None).span_id for number in range(1000)}

    assert len(made) == 1000
