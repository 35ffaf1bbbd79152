"""Stretches of numbers: joined, split, and what lies between them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core._disk.ranges import between, gaps, merged, runs

NUMBERS = st.sets(st.integers(1, 60)).map(sorted)
RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)).map(lambda r: (r[0], sum(r))))


def numbers_in(ranges: object) -> list[int]:
    return [n for first, last in ranges for n in range(first, last + 1)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], []),
        ([7], [(7, 7)]),
        ([3, 4, 5], [(3, 5)]),
        ([1, 3, 4, 9], [(1, 1), (3, 4), (9, 9)]),
        (range(5, 9), [(5, 8)]),
    ],
)
def test_runs(numbers: list[int], expected: list[tuple[int, int]]) -> None:
    """Given ascending numbers, then each stretch without a hole is one range."""
    found = list(runs(numbers))

    assert found == expected


@given(RANGES)
def test_merged_has_the_same_numbers_in_separate_ranges(ranges: list[tuple[int, int]]) -> None:
    """Given ranges in any order that overlap, then none of the result touches another one."""
    found = merged(ranges)

    assert numbers_in(found) == sorted(set(numbers_in(ranges)))
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(found))


def test_merged_leaves_out_empty_ranges() -> None:
    """Given ranges that end before they begin, then they are left out."""
    found = merged([(1, 0), (5, 4)])

    assert found == []


@given(NUMBERS, st.integers(0, 70))
def test_between_is_what_the_ranges_leave_out(numbers: list[int], last: int) -> None:
    """Given ranges up to a number, then they and what lies between them are all numbers."""
    inside = [number for number in numbers if number <= last]

    outside = numbers_in(between(runs(inside), last))

    assert sorted(inside + outside) == list(range(1, last + 1))


@given(st.integers(1, 60), st.integers(0, 70), NUMBERS)
def test_gaps_have_none_of_the_taken(first: int, last: int, taken: list[int]) -> None:
    """Given numbers that are taken, then the gaps are all others from first to last."""
    found = numbers_in(gaps(first, last, taken))

    assert found == [n for n in range(first, last + 1) if n not in taken]
