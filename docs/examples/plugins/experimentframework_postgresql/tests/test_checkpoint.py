"""Where a reading stands, as text."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import ReplayError
from experimentframework_postgresql._checkpoint import Position, position_of


def test_a_position_is_text_and_back() -> None:
    """Given a position in a snapshot, When it is written and read, Then it is the same."""
    position = Position("7/16385", seen="5:9:6,8").looks_at("9:9:").gave(8, 3)

    read = position_of(str(position))

    assert read == position


def test_the_next_snapshot_begins_with_what_was_going_on() -> None:
    """Given a snapshot, When a later one is looked at, Then from the oldest that went on."""
    position = Position("7/16385", seen="5:9:6,8")

    later = position.looks_at("9:9:")

    assert (later.transaction, later.row) == (5, 0)


def test_what_was_seen_is_the_later_snapshot() -> None:
    """Given all rows of a snapshot, When they are done, Then it is the one that was seen."""
    position = Position("7/16385", seen="5:9:6").looks_at("9:9:").gave(8, 3)

    done = position.done()

    assert done == Position("7/16385", seen="9:9:")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        '{"after":17}',
        '{"table":"7/16385","seen":"9:5:"}',
        '{"table":"7/16385","seen":"5:9:8,6"}',
        '{"table":"7/16385","seen":"5:9:10"}',
        '{"table":"7/16385","seen":"5:9:\\n"}',
        '{"table":"7/16385","transaction":-1}',
        "\udc80",
    ],
)
def test_what_is_no_position_is_refused(text: str) -> None:
    """Given a text that is no checkpoint of PostgreSQL, When it is read, Then it is refused."""
    with pytest.raises(ReplayError, match="those of PostgreSQL name a table"):
        position_of(text)
