"""How points in time are kept."""

from __future__ import annotations

import pytest

from tests.peers.tds import moments


def test_they_are_compared_as_texts() -> None:
    """Given times with offsets, When they are kept, Then their order is that of the moments."""
    told = ["0001-01-02T00:00:00Z", "2026-03-01T12:00:00+02:00", "2026-03-01 10:00:00.0000001Z"]

    kept = [moments.kept(text) for text in told]

    assert sorted(kept) == kept
    assert all(map(moments.is_moment, kept))


def test_they_are_shown_in_styles() -> None:
    """Given a time, When it is shown, Then it is as CONVERT has it."""
    kept = moments.kept("2026-03-01T12:00:00.5+02:00")

    assert moments.shown(kept, 126) == "2026-03-01T10:00:00.5000000Z"
    assert moments.shown(kept, None) == "2026-03-01 10:00:00.5000000 +00:00"
    assert moments.moment_of(kept).isoformat() == "2026-03-01T10:00:00.500000+00:00"


@pytest.mark.parametrize("text", ["2026-03-01T10:00:00.0000000Z", "\x01", "noon"])
def test_a_text_is_no_time(text: str) -> None:
    """Given a text, also one that looks like a time, When asked, Then it is none."""
    assert not moments.is_moment(text)


def test_what_is_no_time_is_refused() -> None:
    """Given a text that is no time, When it is to be kept as one, Then it is refused."""
    with pytest.raises(ValueError, match="noon"):
        moments.kept("noon")
