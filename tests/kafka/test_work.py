"""In which portions the records of a partition are sent."""

from __future__ import annotations

from experimentframework_kafka._work import Work


def _of(number: int) -> Work:
    work = Work()
    work.add(range(number))
    return work


def test_records_are_taken_in_order() -> None:
    """Given five records, When two are taken, Then they are the first, and the others are left."""
    work = _of(5)

    taken = work.take(2)

    assert (taken, work.portion) == ([0, 1], [2, 3, 4])


def test_nothing_is_left_when_all_is_taken() -> None:
    """Given two records, When both are taken, Then the portion is empty."""
    work = _of(2)

    work.take(2)

    assert not work.portion


def test_a_refused_batch_comes_again_as_two_halves() -> None:
    """Given a batch of five was refused, When it comes back, Then its halves are portions."""
    work = _of(7)
    refused = work.take(5)

    work.give_back_halves(refused)

    portions = [work.take(len(work.portion)) for _ in range(3)]
    assert portions == [[0, 1], [2, 3, 4], [5, 6]]


def test_what_is_added_later_comes_last() -> None:
    """Given a portion, When records are added, Then they follow the others."""
    work = _of(2)

    work.add([9, 8])

    assert work.take_all() == [0, 1, 9, 8]


def test_all_that_is_left_can_be_taken() -> None:
    """Given two portions, When all is taken, Then it is there in order and nothing is left."""
    work = _of(4)
    work.give_back_halves(work.take(3))

    everything = work.take_all()

    assert everything == [0, 1, 2, 3]
    assert not work.portion
