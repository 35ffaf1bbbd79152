"""When a batch is due, and how refused records are found in it."""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._rules.batch import BatchRule, Item, Parking, Worklist
from experimentframework_core._rules.buffer import Buffer, Queue
from tests.core._channels import ids, make, make_many

if TYPE_CHECKING:
    from collections.abc import Collection

RULE = BatchRule(3, 300, 1.0)


def queue_of(*sizes: int, at: float = 10.0) -> Queue:
    buffer = Buffer(max_events=1000, max_bytes=1_000_000)
    for number, size in enumerate(sizes):
        buffer.offer(make(number, size=size))
    buffer.queues[0].mark(at)
    return buffer.queues[0]


class TestDue:
    def test_nothing_is_never_due(self) -> None:
        assert RULE.due(queue_of(), 10) is None

    def test_by_count(self) -> None:
        assert RULE.due(queue_of(60, 60, 60), 10) == 10

    def test_by_bytes(self) -> None:
        assert RULE.due(queue_of(200, 100), 10) == 10

    def test_by_time(self) -> None:
        assert RULE.due(queue_of(60), 10.5) == 11

    def test_earlier_where_the_buffer_is_small(self) -> None:
        """Given a share of the buffer that is used up, then the batch does not wait to fill."""
        crowded = BatchRule(500, 1_000_000, 1.0, *Buffer(max_events=4, max_bytes=10_000).share())

        assert crowded.due(queue_of(60), 10) == 11
        assert crowded.due(queue_of(60, 60), 10) == 10


class TestCut:
    def test_takes_the_oldest_up_to_the_count(self) -> None:
        queue = queue_of(60, 60, 60, 60)

        assert ids(RULE.cut(queue, 10).records()) == ["0", "1", "2"]
        assert ids(queue.records) == ["3"]

    def test_takes_the_oldest_up_to_the_bytes(self) -> None:
        queue = queue_of(200, 100, 60)

        assert ids(RULE.cut(queue, 10).records()) == ["0", "1"]
        assert queue.bytes == 60

    def test_takes_one_however_large(self) -> None:
        assert ids(RULE.cut(queue_of(900, 60), 10).records()) == ["0"]

    def test_knows_the_places(self) -> None:
        """Given a queue from which records were taken, then the next batch goes on counting."""
        queue = queue_of(60, 60, 60, 60, 60)
        RULE.cut(queue, 10)

        work = RULE.cut(queue, 10)

        assert work.first == (3, 10)
        assert [item.sequence for item in work] == [3, 4]


class Trial:
    """Delivers a batch in which some numbers are bad, and counts."""

    def __init__(self, size: int, bad: Collection[int]) -> None:
        self.deliveries = 0
        self.delivered: list[int] = []
        self.refused: list[int] = []
        self.alone_after: dict[int, int] = {}
        work = Worklist(make_many(range(size)))
        while work:
            numbers = [int(name) for name in ids(work.records())]
            self.deliveries += 1
            if not any(number in bad for number in numbers):
                self.delivered += numbers
                work.done()
                continue
            item = work.refused()
            if item is not None:
                self.refused.append(int(item.record.event_id))
                self.alone_after[self.refused[-1]] = self.deliveries


class TestIsolation:
    def test_one_bad_of_500_at_every_place(self) -> None:
        """Given one bad record anywhere, then it is alone after log2(500) + 3 deliveries."""
        for place in range(500):
            trial = Trial(500, {place})

            assert trial.refused == [place]
            assert trial.delivered == [number for number in range(500) if number != place]
            assert trial.alone_after[place] <= log2(500) + 3

    def test_the_first_is_alone_after_halving(self) -> None:
        """Given the very first bad, then it takes one delivery and the halvings."""
        assert Trial(500, {0}).alone_after[0] <= log2(500) + 2

    @pytest.mark.parametrize("bad", [{0, 250, 499}, {1, 2, 400}, {99, 100, 101}, {7, 77, 377}])
    def test_three_scattered(self, bad: set[int]) -> None:
        """Given three bad records, then exactly these are refused, the rest arrives in order."""
        trial = Trial(500, bad)

        assert trial.refused == sorted(bad)
        assert trial.delivered == [number for number in range(500) if number not in bad]
        assert trial.deliveries <= 3 * 2 * (log2(500) + 3)

    @pytest.mark.parametrize("size", [1, 2, 3, 10, 100, 500])
    def test_nothing_but_bad_ones(self, size: int) -> None:
        """Given a batch of bad records, then it costs little more than one delivery for each."""
        trial = Trial(size, range(size))

        assert (trial.refused, trial.delivered) == (list(range(size)), [])
        assert trial.deliveries <= size + log2(size) * (log2(size) + 1) / 2 + 2
        assert size < 500 or trial.deliveries <= 1.2 * size

    def test_every_pattern_of_six(self) -> None:
        """Given any set of bad records, then good ones arrive once, in order, bad ones never."""
        for pattern in range(64):
            bad = {number for number in range(6) if pattern >> number & 1}

            trial = Trial(6, bad)

            assert trial.refused == sorted(bad)
            assert trial.delivered == [number for number in range(6) if number not in bad]

    def test_when_no_suspect_was_bad_the_rest_goes_as_a_whole(self) -> None:
        """Given a refused half of which each record is taken alone, then nothing else is halved."""
        work = Worklist(make_many("abcdef"))
        work.refused()
        work.refused()
        while work.first[0] < 3:
            work.done()

        assert ids(work.records()) == ["d", "e", "f"]


class TestWorklist:
    def test_discards_what_met_another_fate(self) -> None:
        """Given a refused batch, when a record expires, then the rest is tried as a whole."""
        work = Worklist(make_many("abcd"))
        work.refused()

        work.discard([list(work)[1]])

        assert ids(work.records()) == ["a", "c", "d"]
        assert len(work) == 3

    def test_is_empty_after_the_last(self) -> None:
        work = Worklist(make_many("ab"))

        work.done()

        assert (bool(work), list(work)) == (False, [])


class TestParking:
    def park(self, parking: Parking, name: int, key: str, until: float) -> None:
        parking.park(key, Item(make(name, key), name, 0.0), until)

    def test_a_key_leaves_when_its_time_has_come(self) -> None:
        parking = Parking()
        self.park(parking, 1, "slow", 50)
        self.park(parking, 0, "fast", 5)

        assert parking.until == 5
        assert [item.sequence for item in parking.leave(5, 10, 10_000)] == [0]
        assert (parking.until, len(parking), "fast" in parking) == (50, 1, False)

    def test_those_that_follow_wait_with_their_key(self) -> None:
        parking = Parking()
        self.park(parking, 0, "k", 5)
        parking.follow("k", Item(make(1, "k"), 1, 0.0))

        assert parking.leave(4.9, 10, 10_000) == []
        assert [item.sequence for item in parking.leave(5, 10, 10_000)] == [0, 1]

    def test_no_more_leave_than_fit_a_batch(self) -> None:
        parking = Parking()
        for number in range(6):
            self.park(parking, number, "k", 0)

        assert [item.sequence for item in parking.leave(0, 2, 10_000)] == [0, 1]
        assert [item.sequence for item in parking.leave(0, 10, 130)] == [2, 3]
        assert [item.sequence for item in parking.leave(0, 10, 1)] == [4]
        assert [item.sequence for item in parking] == [5]

    def test_a_key_keeps_its_order_whatever_comes_first(self) -> None:
        parking = Parking()
        for number in (3, 1, 2):
            self.park(parking, number, "k", 0)

        assert [item.sequence for item in parking] == [1, 2, 3]
