"""What waits for its commit keeps its order and knows its size."""

from __future__ import annotations

from experimentframework_core._disk.entry import Entry
from experimentframework_core._disk.pending import Pending
from tests.core._channels import make


def entry(number: int) -> Entry:
    return Entry(number, 0.0, 0, make(number))


def filled(*numbers: int, most: int = 100) -> Pending:
    pending = Pending(most, 100_000)
    for number in numbers:
        pending.add(entry(number))
    return pending


def test_takes_out_what_was_committed() -> None:
    """Given records that wait, when those up to a number are taken, then the others wait on."""
    pending = filled(1, 2, 4)

    taken = pending.take_through(3)

    assert [record.body for record in taken] == [make(1).body, make(2).body]
    assert [each.sequence for each in pending] == [4]
    assert pending.bytes == len(make(4).body)


def test_what_is_put_back_has_its_place_and_is_there_once() -> None:
    """Given records that wait, when some are put back, then all are in order, each once."""
    pending = filled(3, 5)

    pending.put_back([entry(5), entry(1), entry(4)])

    assert [each.sequence for each in pending] == [1, 3, 4, 5]
    assert pending.bytes == sum(len(make(number).body) for number in (1, 3, 4, 5))


def test_is_full_with_as_many_as_may_wait() -> None:
    """Given bounds, when more and more records wait, then it is half full and then full."""
    counts = [(filled(*range(count), most=4), count) for count in range(5)]

    found = [(each.half_full, each.full) for each, _ in counts]

    assert found == [(False, False)] * 3 + [(True, False), (True, True)]


def test_is_overfull_with_twice_as_many() -> None:
    """Given bounds, when twice as many records wait, then it is more than full."""
    found = [filled(*range(count), most=2).overfull for count in range(5)]

    assert found == [False, False, False, False, True]


def test_knows_whether_something_waits_up_to_a_number() -> None:
    """Given a record that waits, then nothing below it does, and with none nothing at all."""
    pending = filled(7)

    below, at, empty = pending.none_through(6), pending.none_through(7), Pending(1, 1)

    assert (below, at, empty.none_through(7)) == (True, False, True)
