"""The W3C trace context in parts."""

from __future__ import annotations

import pytest

from experimentframework_core._traceparent import Context, parse

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


@pytest.mark.parametrize("flags", ["00", "01", "03"])
def test_a_traceparent_is_parsed(flags: str) -> None:
    """Given a traceparent, When it is parsed, Then its three parts are there."""
    context = parse(f"00-{TRACE_ID}-{SPAN_ID}-{flags}")

    assert context == Context(bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID), int(flags, 16))


def test_a_later_version_is_parsed_as_far_as_it_is_known() -> None:
    """Given a version with more parts, When it is parsed, Then the known ones are read."""
    context = parse(f"01-{TRACE_ID}-{SPAN_ID}-01-more")

    assert context is not None
    assert context.span_id.hex() == SPAN_ID


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID[1:]}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
    ],
)
def test_what_is_no_traceparent_is_none(text: str | None) -> None:
    """Given a malformed or empty one, When it is parsed, Then there is no context."""
    context = parse(text)

    assert context is None
