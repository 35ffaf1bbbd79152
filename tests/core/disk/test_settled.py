"""Settled numbers: a mark that rises, bits above it, and what a file must change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core._disk.settled import Settled, block_size

numbers = st.integers(1, 5 * block_size)
ranges = st.lists(
    st.tuples(numbers, st.one_of(st.integers(0, 600), st.just(2 * block_size))), max_size=40
)
steps = st.lists(st.tuples(ranges, st.sampled_from(["saved", "failed", "late"])), max_size=6)


class File:
    """What a file holds after the changes that were given to it."""

    def __init__(self) -> None:
        self.below = 1
        self.blocks: dict[int, bytes] = {}

    def take(self, settled: Settled, changes: dict[int, bytes]) -> None:
        self.below = settled.below
        self.blocks.update(changes)
        self.blocks = {number: bits for number, bits in self.blocks.items() if bits}


def _settle(settled: Settled, chosen: list[tuple[int, int]]) -> set[int]:
    added: set[int] = set()
    for first, more in chosen:
        settled.add_range(first, first + more)
        added.update(range(first, first + more + 1))
    return added


@given(ranges)
def test_it_is_a_set_of_numbers(chosen: list[tuple[int, int]]) -> None:
    """Given any ranges, When they are settled, Then a plain set says the same of each number."""
    settled, model = Settled(), set[int]()

    for first, more in chosen:
        new = set(range(first, first + more + 1)) - model
        model |= new
        assert settled.add_range(first, first + more) == len(new)

    below = next(n for n in range(1, 8 * block_size) if n not in model)
    assert settled.below == below
    assert all((n in settled) == (n in model) for n in range(1, 7 * block_size, 7))
    for through in (0, 1, below - 1, below, 4 * block_size, 8 * block_size):
        assert settled.unsettled(through) == sum(n not in model for n in range(1, through + 1))


@given(st.permutations(range(1, 40)))
def test_single_numbers_may_come_in_any_order(order: list[int]) -> None:
    """Given numbers in any order, When all are settled, Then the mark is behind the last."""
    settled = Settled()

    new = [settled.add(number) for number in order]

    assert set(new) == {1}
    assert settled.below == 40


@given(steps)
def test_a_file_that_takes_every_change_knows_the_same(
    chosen: list[tuple[list[tuple[int, int]], str]],
) -> None:
    """Given commits that succeed, fail, or end late, When the last one is in, Then all is in."""
    settled, file = Settled(), File()

    for before, outcome in [*chosen, ([], "saved")]:
        _settle(settled, before)
        changes, below = settled.changes(), settled.below
        if outcome == "late":
            settled.add_range(2 * block_size, 2 * block_size + 3)
        if outcome != "failed":
            settled.changes_saved()
            file.take(settled, changes)
            file.below = below

    again = Settled(file.below, file.blocks)
    assert again.below == settled.below
    assert all((n in again) == (n in settled) for n in range(1, 8 * block_size, 5))


@given(steps)
def test_a_file_holds_only_blocks_above_the_mark(
    chosen: list[tuple[list[tuple[int, int]], str]],
) -> None:
    """Given a commit of unknown outcome, When later ones succeed, Then no passed block stays."""
    settled, file = Settled(), File()

    for before, outcome in chosen:
        _settle(settled, before)
        file.take(settled, settled.changes())
        if outcome == "saved":
            settled.changes_saved()
    settled.add_range(1, 8 * block_size)
    file.take(settled, settled.changes())

    assert file.blocks == {}


def test_numbers_in_order_need_no_blocks() -> None:
    """Given numbers settled in order, When changes are asked for, Then the mark says it all."""
    settled = Settled()

    changes = []
    for first in range(1, 3 * block_size, 500):
        settled.add_range(first, first + 499)
        changes.append(settled.changes())

    assert not any(changes)


def test_settling_twice_is_harmless() -> None:
    """Given settled numbers, When they are settled again, Then none is new."""
    settled = Settled()
    settled.add_range(5, 9)

    again = settled.add_range(5, 9)

    assert again == 0
    assert settled.changes().keys() == {0}


@pytest.mark.parametrize(("first", "last"), [(5, 4), (-3, 0), (0, 0)])
def test_a_range_without_numbers_settles_nothing(first: int, last: int) -> None:
    """Given an empty range, or one below the first number, When settled, Then nothing changes."""
    settled = Settled()

    new = settled.add_range(first, last)

    assert (new, settled.below, settled.changes()) == (0, 1, {})


def test_blocks_below_the_mark_are_dropped_from_the_file() -> None:
    """Given a file with a block that its mark has passed, When opened, Then it shall go."""
    settled = Settled(2 * block_size, {0: b"\1", 1: b"\1"})

    changes = settled.changes()

    assert changes == {0: b"", 1: b""}


def test_a_mark_moves_over_the_bits_it_is_opened_with() -> None:
    """Given bits right at the mark, When opened, Then the mark is behind them."""
    full = b"\xff" * (block_size // 8)

    settled = Settled(block_size, {1: full, 2: b"\x0f"})

    assert settled.below == 2 * block_size + 4
