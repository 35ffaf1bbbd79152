"""Stretches of consecutive numbers."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each stretch of consecutive numbers; ``numbers`` ascend."""
    if not numbers:
        return
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        yield numbers[0], numbers[-1]
        return
    first = last = -1
    for number in numbers:
        if number != last + 1:
            if first >= 0:
                yield first, last
            first = number
        last = number
    yield first, last


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same numbers in as few ranges as possible, ascending."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        elif first <= last:
            joined.append((first, last))
    return joined


def between(ranges: Iterable[tuple[int, int]], last: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches from 1 to ``last`` that lie outside the ranges, which ascend."""
    start = 1
    for first, end in ranges:
        if first > start:
            yield start, first - 1
        start = end + 1
    if start <= last:
        yield start, last


def gaps(first: int, last: int, taken: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the stretches from ``first`` to ``last`` that have none of the ``taken`` numbers."""
    for number in taken[bisect_left(taken, first) :]:
        if number > last:
            break
        if number > first:
            yield first, number - 1
        first = number + 1
    if first <= last:
        yield first, last
