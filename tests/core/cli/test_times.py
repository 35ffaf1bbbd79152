"""The times that options give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from experimentframework_core.cli._output import CommandError
from experimentframework_core.cli._times import time_of

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("90s", NOW - timedelta(seconds=90)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-05-01", NOON - timedelta(hours=12)),
        ("2026-05-01T14:00:00+02:00", NOON),
        ("2026-05-01T12:00:00Z", NOON),
    ],
)
def test_a_time_or_an_age(text: str, expected: datetime) -> None:
    assert time_of("--since", text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2", "-2h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"--since: .* is no time; write"):
        time_of("--since", text, NOW)


@pytest.mark.parametrize(
    "text",
    ["999999999d", "99999999d", "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00"],
)
def test_what_is_out_of_range_is_told(text: str) -> None:
    """Given a time beyond the calendar, When it is read, Then it says so, and not its form."""
    with pytest.raises(CommandError, match=r"--since: .* is out of range; expected a time in"):
        time_of("--since", text, NOW)
