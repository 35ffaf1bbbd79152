"""Checkpoints of the reader, as text and back."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import ReplayError
from experimentframework_sqlserver._reading.checkpoint import Gap, Position, position_of


def test_it_begins_at_the_beginning() -> None:
    assert position_of(None) == Position(0)


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (Position(17), '{"after":17}'),
        (Position(17, (Gap(3, 5, 1.5),)), '{"after":17,"missing":[[3,5,1.5]]}'),
    ],
)
def test_a_position_is_read_from_its_text(position: Position, text: str) -> None:
    """Given a position, When it is written and read, Then it is the same."""
    written = str(position)

    assert written == text
    assert position_of(written) == position


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        '{"events":{"0":17}}',
        '{"after":"x"}',
        '{"after":9223372036854775808}',
        '{"after":-1}',
        '{"after":1,"missing":[[1,9223372036854775808,0.0]]}',
        "\ud800",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Given another text, When it is read, Then it says how checkpoints look."""
    with pytest.raises(ReplayError, match=r"as in \{\"after\":17\}"):
        position_of(text)


@pytest.mark.parametrize(
    ("number", "left"),
    [
        (2, [(3, 6)]),
        (3, [(4, 6)]),
        (4, [(3, 3), (5, 6)]),
        (6, [(3, 5)]),
        (7, [(3, 6)]),
    ],
)
def test_a_gap_is_smaller_when_a_row_of_it_came(number: int, left: list[tuple[int, int]]) -> None:
    """Given a gap, When one of its rows comes, Then the rest of it is left."""
    gap = Gap(3, 6, 1.5)

    parts = gap.without(number)

    assert parts == tuple(Gap(first, last, 1.5) for first, last in left)


def test_a_gap_of_one_is_gone_when_its_row_came() -> None:
    assert Gap(3, 3, 1.5).without(3) == ()
