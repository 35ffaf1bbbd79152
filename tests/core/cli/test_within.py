"""The first or the last of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.cli._within import within

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Numbers:
    """Counts to five, and knows how far it came and whether it was closed."""

    def __init__(self) -> None:
        self.given = 0
        self.closed = False

    async def __call__(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(5):
                self.given += 1
                yield number
        finally:
            self.closed = True


@pytest.mark.parametrize(
    ("limit", "newest", "expected", "given"),
    [
        (2, False, [0, 1], 2),
        (2, True, [3, 4], 5),
        (9, False, [0, 1, 2, 3, 4], 5),
        (9, True, [0, 1, 2, 3, 4], 5),
        (None, False, [0, 1, 2, 3, 4], 5),
        (None, True, [0, 1, 2, 3, 4], 5),
    ],
)
async def test_so_many_are_given(
    limit: int | None, expected: list[int], given: int, *, newest: bool
) -> None:
    """Given five, When some are wanted, Then those come in order, and no more are asked for."""
    numbers = Numbers()

    found = [each async for each in within(numbers(), limit, newest=newest)]

    assert (found, numbers.given, numbers.closed) == (expected, given, True)
