"""What a reading still waits for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from experimentframework_sqlserver._reading.checkpoint import Gap, Position
from experimentframework_sqlserver._reading.progress import PATIENCE, Progress

if TYPE_CHECKING:
    import pytest

NOW = 1_000_000.0


def test_numbers_that_are_left_out_are_missing() -> None:
    """Given rows 1 and 4, When both are read, Then 2 and 3 are waited for."""
    progress = Progress(Position(0))

    progress.read(1, NOW, NOW)
    progress.read(4, NOW - 1, NOW)

    assert progress.position == Position(4, (Gap(2, 3, NOW - 1),))


def test_what_has_come_is_no_longer_missing() -> None:
    """Given a gap, When a row of it comes, Then the rest is waited for, and the end stays."""
    progress = Progress(Position(9, (Gap(2, 4, NOW),)))

    progress.came(3)

    assert progress.position == Position(9, (Gap(2, 2, NOW), Gap(4, 4, NOW)))


def test_an_old_gap_was_never_one() -> None:
    """Given a row that is older than every transaction, When it is read, Then nothing is missing.

    What was rolled back long ago left gaps that stay for ever.
    """
    progress = Progress(Position(0))

    progress.read(10, NOW - PATIENCE, NOW)

    assert progress.position == Position(10)


def test_patience_ends() -> None:
    """Given two gaps, When the older one's time is over, Then only the newer is waited for."""
    old, new = Gap(2, 2, NOW - PATIENCE), Gap(5, 5, NOW)
    progress = Progress(Position(9, (old, new)))

    progress.forget(NOW)

    assert progress.missing == [new]


def test_gaps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given more gaps than are remembered, When it goes on, Then the oldest are forgotten."""
    monkeypatch.setattr("experimentframework_sqlserver._reading.progress.MOST_GAPS", 2)
    gaps = tuple(Gap(number, number, NOW) for number in (2, 4, 6))
    progress = Progress(Position(9, gaps))

    progress.forget(NOW)

    assert progress.position.missing == gaps[1:]


def test_what_is_settled_leaves_no_gaps() -> None:
    """Given rows that nothing can come between, When they are read, Then nothing is missing."""
    progress = Progress(Position(3))

    progress.settled(50)
    progress.settled(20)

    assert progress.position == Position(50)


def test_in_whatever_order_transactions_commit_nothing_is_lost_or_twice() -> None:
    """Given writers that commit in any order, When somebody follows, Then each row comes once.

    A thousand runs: rows become visible at random, some never, and the reader stops and goes on
    from its checkpoint at random.
    """
    for seed in range(1000):
        rng = random.Random(seed)
        numbers = list(range(1, 30))
        kept = [number for number in numbers if rng.random() < 0.8]
        order = sorted(kept, key=lambda number: number + rng.uniform(0, 12))
        read: list[int] = []
        progress = Progress(Position(0))

        visible: set[int] = set()
        for number in order:
            visible.add(number)
            if rng.random() < 0.5:
                progress = Progress(progress.position)
                read += _follow(progress, visible)
        read += _follow(progress, visible)

        assert sorted(read) == kept, f"seed {seed}"


def _follow(progress: Progress, visible: set[int]) -> list[int]:
    found = []
    for number in sorted(visible):
        if any(gap.first <= number <= gap.last for gap in progress.missing):
            progress.came(number)
            found.append(number)
    for number in sorted(each for each in visible if each > progress.after):
        progress.read(number, NOW, NOW)
        found.append(number)
    return found
