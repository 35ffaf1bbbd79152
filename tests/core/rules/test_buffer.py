"""How much may wait, in which queue, and who is told."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core._rules.buffer import (
    CROWDED,
    FULL,
    RECORD_OVERHEAD,
    TAKEN,
    Buffer,
    Queue,
)
from tests.core._channels import ids, key_of, make, make_many

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record


def small(max_events: int = 4, max_bytes: int = 1_000_000) -> Buffer:
    return Buffer(max_events=max_events, max_bytes=max_bytes)


def filled(*names: object, **bounds: int) -> Buffer:
    buffer = small(**bounds)
    for name in names:
        assert buffer.offer(make(name))
    return buffer


class TestOffer:
    def test_takes_up_to_the_count(self) -> None:
        buffer = small()

        answers = [buffer.offer(record) for record in make_many("abcde")]

        assert answers == [TAKEN, TAKEN, CROWDED, CROWDED, FULL]
        assert ids(buffer.queues[0].records) == list("abcd")

    def test_takes_up_to_the_bytes(self) -> None:
        """Given room for two bodies of 100, each with its overhead, then a third is refused."""
        buffer = small(max_events=100, max_bytes=2 * (100 + RECORD_OVERHEAD))

        answers = [buffer.offer(make(name, size=100)) for name in "abc"]

        assert answers == [TAKEN, CROWDED, FULL]
        assert (buffer.events, buffer.bytes) == (2, 1000)

    def test_what_is_taken_still_counts_until_it_is_released(self) -> None:
        buffer = filled(*"abcd")

        taken = buffer.queues[0].take(4, 10_000)
        refused = buffer.offer(make("e"))
        buffer.release(taken, range(4))

        assert (refused, buffer.offer(make("e"))) == (FULL, TAKEN)
        assert (buffer.events, buffer.bytes) == (1, 60 + RECORD_OVERHEAD)

    def test_newcomers_are_held_back_while_others_wait(self) -> None:
        buffer = small()

        buffer.hold_back(newcomers=True)
        held_back = (buffer.offer(make("a")), buffer.reserve(make("b")))
        buffer.hold_back(newcomers=False)

        assert held_back == (FULL, False)
        assert (buffer.offer(make("a")), buffer.reserve(make("b"))) == (TAKEN, True)


class TestReservations:
    def test_count_as_if_they_were_filled(self) -> None:
        buffer = small(max_events=2)

        reserved = [buffer.reserve(record) for record in make_many("abc")]

        assert reserved == [True, True, False]
        assert buffer.offer(make("d")) == FULL

    def test_can_be_given_back(self) -> None:
        buffer = small(max_events=1)
        buffer.reserve(make("a"))

        buffer.cancel_reservation(make("a"))

        assert buffer.offer(make("b"))
        assert (buffer.reserved_events, buffer.reserved_bytes) == (0, 0)

    def test_become_records(self) -> None:
        buffer = small(max_events=1)
        buffer.reserve(make("a"))

        buffer.append_reserved(make("a"))

        assert (buffer.events, buffer.reserved_events) == (1, 0)
        assert ids(buffer.queues[0].records) == ["a"]

    def test_from_several_threads_never_pass_the_bound(self) -> None:
        """Given threads that reserve while the loop's thread offers, then the bound holds."""
        buffer = Buffer(max_events=1000, max_bytes=10_000_000)
        reserved: list[bool] = []
        threads = [
            Thread(target=lambda: reserved.extend(buffer.reserve(make(0)) for _ in range(400)))
            for _ in range(3)
        ]

        for thread in threads:
            thread.start()
        taken = sum(bool(buffer.offer(make(number))) for number in range(400))
        for thread in threads:
            thread.join()

        assert taken + sum(reserved) == buffer.events + buffer.reserved_events <= 1000


class TestRoom:
    def test_a_record_that_could_never_fit(self) -> None:
        buffer = small(max_bytes=1000)

        assert [buffer.fits(make("a", size=size)) for size in (600, 601)] == [True, False]

    def test_can_be_made_of_what_waits_only(self) -> None:
        """Given two in flight and two waiting, then room can be made for two, not for more."""
        buffer = filled(*"abcd", max_bytes=4 * 460)
        buffer.queues[0].take(2, 10_000)

        assert buffer.can_make_room(make("e", size=2 * 460 - RECORD_OVERHEAD))
        assert not buffer.can_make_room(make("e", size=2 * 460 - RECORD_OVERHEAD + 1))

    def test_cannot_be_made_of_what_is_in_flight(self) -> None:
        buffer = filled(*"abcd")
        buffer.queues[0].take(4, 10_000)

        assert not buffer.can_make_room(make("e"))

    @pytest.mark.parametrize(("lanes", "share"), [(1, (3, 1250)), (5, (1, 250)), (50, (1, 25))])
    def test_is_shared_by_the_lanes(self, lanes: int, share: tuple[int, int]) -> None:
        assert Buffer(max_events=10, max_bytes=5000, lanes=lanes, key=key_of).share() == share


class TestEvict:
    def test_the_oldest_goes(self) -> None:
        buffer = filled(*"abc")

        evicted = buffer.evict()

        assert evicted is not None
        assert evicted.event_id == "a"
        assert (buffer.events, ids(buffer.queues[0].records)) == (2, ["b", "c"])

    def test_nothing_in_flight_goes(self) -> None:
        buffer = filled(*"ab")
        buffer.queues[0].take(2, 10_000)

        assert buffer.evict() is None

    def test_the_oldest_of_all_lanes_goes(self) -> None:
        """Given two lanes that were looked at, then the lane with the older head loses it."""
        buffer = Buffer(max_events=10, max_bytes=100_000, lanes=2, key=key_of)
        keys = two_lanes_apart(buffer)
        for time, (name, key) in enumerate(zip("ab", keys, strict=True)):
            buffer.offer(make(name, key))
            for queue in buffer.queues:
                queue.mark(time)

        evicted = buffer.evict()

        assert evicted is not None
        assert evicted.event_id == "a"


def two_lanes_apart(buffer: Buffer) -> tuple[str, str]:
    """Return two keys of different lanes, that of the second lane first."""
    by_lane: dict[Queue, str] = {}
    for number in range(100):
        by_lane.setdefault(buffer._queue_of(make("x", f"key-{number}")), f"key-{number}")
    return by_lane[buffer.queues[1]], by_lane[buffer.queues[0]]


class TestLanes:
    def test_a_key_has_one_lane(self) -> None:
        buffer = Buffer(max_events=1000, max_bytes=10_000_000, lanes=4, key=key_of)

        for number in range(400):
            buffer.offer(make(number, f"key-{number % 40}"))

        lanes: dict[str | None, set[int]] = {}
        for lane, queue in enumerate(buffer.queues):
            for record in queue.records:
                lanes.setdefault(record.experiment, set()).add(lane)
        assert {len(found) for found in lanes.values()} == {1}
        assert all(queue.records for queue in buffer.queues)

    def test_a_key_that_is_no_good_text_has_a_lane_too(self) -> None:
        buffer = Buffer(max_events=10, max_bytes=10_000, lanes=4, key=lambda _: "\ud800")

        assert buffer.offer(make("a"))


class TestQueue:
    def test_tells_when_it_has_what_is_waited_for(self) -> None:
        """Given a watch for three records, then the watcher is called by the third, once."""
        buffer = small(max_events=100)
        (queue,) = buffer.queues
        calls: list[int] = []
        queue.on_due = lambda: calls.append(len(queue.records))
        queue.wake_events = 3

        for record in make_many("abcde"):
            buffer.offer(record)

        assert calls == [3]

    def test_tells_when_it_has_the_bytes_that_are_waited_for(self) -> None:
        buffer = small(max_events=100)
        (queue,) = buffer.queues
        calls: list[int] = []
        queue.on_due = lambda: calls.append(queue.bytes)
        queue.wake_bytes = 150

        for record in make_many("abcde"):
            buffer.offer(record)

        assert calls == [180]

    def test_knows_by_when_a_record_was_accepted(self) -> None:
        """Given marks at 10 and 20, then a record has the first mark after it, the rest now."""
        buffer = filled("a", max_events=10)
        (queue,) = buffer.queues
        queue.mark(10)
        buffer.offer(make("b"))
        queue.mark(20)
        buffer.offer(make("c"))

        assert [queue.accepted_by(number, 33) for number in range(3)] == [10, 20, 33]

    def test_forgets_the_marks_of_what_was_taken(self) -> None:
        buffer = small(max_events=1000)
        (queue,) = buffer.queues
        for number in range(500):
            buffer.offer(make(number))
            queue.mark(number)

        queue.take(499, 1_000_000)

        assert len(queue._marks) == 1

    @given(
        st.lists(st.integers(60, 300), max_size=30),
        st.lists(st.tuples(st.integers(1, 8), st.integers(1, 900)), max_size=40),
    )
    def test_gives_everything_once_and_in_order(
        self, sizes: list[int], cuts: list[tuple[int, int]]
    ) -> None:
        """Given any sizes and cuts, then no cut is too large, and the bytes add up."""
        buffer = Buffer(max_events=100, max_bytes=1_000_000)
        (queue,) = buffer.queues
        for number, size in enumerate(sizes):
            buffer.offer(make(number, size=size))
        taken: list[Record] = []

        for most, most_bytes in cuts:
            if not queue.records:
                break
            cut = queue.take(most, most_bytes)
            taken += cut
            assert 1 <= len(cut) <= most
            assert len(cut) == 1 or sum(len(record.body) for record in cut) <= most_bytes
            assert queue.bytes == sum(len(record.body) for record in queue.records)

        assert ids([*taken, *queue.records]) == [str(number) for number in range(len(sizes))]
        assert (queue.taken, queue.appended) == (len(taken), len(sizes))


def test_a_retired_buffer_takes_nothing_more() -> None:
    """Given a buffer that nobody has reserved, when it is retired, then it refuses everyone."""
    buffer = Buffer(max_events=10, max_bytes=10_000)

    retired = buffer.retire()
    buffer.hold_back(newcomers=False)

    assert retired
    assert buffer.offer(make("a")) is FULL
    assert not buffer.reserve(make("b"))


def test_a_buffer_with_a_reservation_is_not_retired() -> None:
    """Given room that a thread has reserved, when it is to be retired, then it says no."""
    buffer = Buffer(max_events=10, max_bytes=10_000)
    buffer.reserve(make("a"))

    before = buffer.retire()
    buffer.append_reserved(make("a"))

    assert not before
    assert buffer.events == 1
    assert buffer.retire()
