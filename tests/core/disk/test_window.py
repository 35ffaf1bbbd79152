"""A lane's window: what is in memory, what is on disk only, and when more is to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk.entry import Entry
from experimentframework_core._disk.window import DiskQueue
from tests.core._channels import ids, make

if TYPE_CHECKING:
    from collections.abc import Iterable


def entry(number: int, *, at: float = 0.0, size: int = 60) -> Entry:
    return Entry(number, at, 0, make(number, size=size))


def filled(numbers: Iterable[int], *, most: int = 4, most_bytes: int = 10_000) -> DiskQueue:
    queue = DiskQueue(most, most_bytes)
    for number in numbers:
        queue.accept(entry(number))
    return queue


def test_keeps_what_has_room() -> None:
    """Given a window with room, then records are in memory and the lane is not behind."""
    queue = filled([1, 2, 5])

    assert ids(queue.records) == ["1", "2", "5"]
    assert (queue.behind, queue.empty, queue.taken, queue.appended) == (False, False, 1, 6)


def test_is_behind_once_a_record_has_no_room() -> None:
    """Given a full window, when another record is accepted, then it is on disk only."""
    queue = filled([1, 2, 3, 4, 5])

    assert list(queue.numbers) == [1, 2, 3, 4]
    assert (queue.behind, queue.cursor, queue.newest) == (True, 4, 5)


def test_lets_no_newer_record_pass_those_on_disk() -> None:
    """Given a lane that is behind, when there is room again, then a new record waits its turn."""
    queue = filled([1, 2, 3, 4, 5])
    queue.cut(3, 10_000, 0.0)

    queue.accept(entry(6))

    assert list(queue.numbers) == [4]
    assert queue.newest == 6


def test_bounds_bytes() -> None:
    """Given a bound of bytes, then records beyond it are on disk only."""
    queue = DiskQueue(100, 150)

    for number in (1, 2, 3):
        queue.accept(entry(number, size=60))

    assert (list(queue.numbers), queue.bytes) == ([1, 2], 120)


def test_takes_one_record_however_large() -> None:
    """Given a record larger than the window, when nothing else waits, then it is taken."""
    queue = DiskQueue(4, 100)

    queue.accept(entry(1, size=500))

    assert list(queue.numbers) == [1]


@pytest.mark.parametrize(("taken", "starving"), [(1, False), (2, True), (4, True)])
def test_starves_when_half_empty_and_behind(taken: int, *, starving: bool) -> None:
    """Given a lane that is behind, then it starves once half of its window is empty."""
    queue = filled(range(1, 9))

    queue.cut(taken, 10_000, 0.0)

    assert queue.starving is starving


def test_does_not_starve_when_all_is_in_memory() -> None:
    """Given a lane that is not behind, then it never starves."""
    queue = filled([1, 2])

    queue.cut(2, 10_000, 0.0)

    assert not queue.starving
    assert queue.empty


def test_says_when_it_starves() -> None:
    """Given a lane that is behind, when its window empties, then the reader is told."""
    queue = filled(range(1, 9))
    told: list[bool] = []
    queue.on_starving = lambda: told.append(queue.starving)

    queue.cut(1, 10_000, 0.0)
    queue.cut(1, 10_000, 0.0)

    assert told == [True]


def test_says_when_it_starves_because_records_were_dropped() -> None:
    """Given a lane that is behind, when records are popped one by one, then the reader is told."""
    queue = filled(range(1, 9))
    told: list[int] = []
    queue.on_starving = lambda: told.append(len(queue.records))

    while queue.records:
        queue.pop()

    assert told == [2, 1, 0]


def test_a_batch_is_as_young_as_its_youngest_record() -> None:
    """Given an old adopted record behind a fresh one, then neither counts as old in the batch."""
    queue = DiskQueue(4, 10_000)
    queue.accept(entry(1, at=500.0))
    queue.accept(entry(2, at=3.0))

    cut = queue.cut(2, 10_000, 600.0)

    assert (cut.numbers, cut.accepted_at) == ([1, 2], 500.0)


def test_knows_each_records_own_time() -> None:
    """Given records of different ages, when one is popped, then the next one's time is known."""
    queue = DiskQueue(4, 10_000)
    queue.accept(entry(1, at=1.0))
    queue.accept(entry(2, at=2.0))

    queue.pop()

    assert queue.oldest(99.0) == 2.0


def test_has_the_time_of_now_when_empty() -> None:
    """Given nothing that waits, then the oldest is as old as now."""
    queue = DiskQueue(4, 10_000)

    oldest = queue.oldest(99.0)

    assert oldest == 99.0


def test_wakes_the_lane_when_a_batch_is_there() -> None:
    """Given a lane that waits for two records, when the second comes, then it is woken once."""
    queue = DiskQueue(4, 10_000)
    woken: list[int] = []
    queue.on_due = lambda: woken.append(len(queue.records))
    queue.wake_events = 2

    for number in (1, 2, 3):
        queue.accept(entry(number))

    assert woken == [2]


def test_counts_what_waits_below_a_number() -> None:
    """Given numbers with holes, as a lane among others has, then only its own count."""
    queue = filled([2, 5, 9])

    assert [queue.waiting(below) for below in (2, 3, 9, 10)] == [0, 1, 2, 3]


def test_waits_for_what_is_on_disk_only() -> None:
    """Given an empty window and records on disk, then the lane is not empty."""
    queue = filled(range(1, 6))
    queue.cut(4, 10_000, 0.0)

    assert (queue.empty, queue.taken) == (False, 5)
