"""Which partition a message goes to."""

from __future__ import annotations

from collections import Counter

from aiokafka.partitioner import DefaultPartitioner

from experimentframework_kafka import _placing
from experimentframework_kafka._placing import Placing


def test_a_key_goes_where_the_default_partitioner_puts_it() -> None:
    """Given many keys, When they are placed twice, Then each is where other clients put it."""
    placing, keys = Placing(), [f"subject-{number}" for number in range(500)]

    first = placing.of_keys(keys, 7)
    again = placing.of_keys(keys, 7)

    expected = [DefaultPartitioner()(key.encode(), list(range(7)), []) for key in keys]
    assert first == again == expected


def test_the_hashes_that_are_remembered_are_bounded() -> None:
    """Given ever new keys, When they are placed, Then not all of their hashes are kept."""
    placing = Placing()

    for number in range(_placing.MOST_KEYS + 10):
        placing.of_keys([str(number)], 3)

    assert len(placing._hashes) == 10


def test_a_known_key_is_placed_beside_more_new_ones_than_are_remembered() -> None:
    """Given a known key, When it comes with too many new ones, Then it is where it was."""
    placing = Placing()
    before = placing.of_keys(["known"], 7)

    after = placing.of_keys([*map(str, range(_placing.MOST_KEYS)), "known"], 7)

    assert after[-1:] == before


def test_turns_go_round() -> None:
    """Given three partitions, When eight messages are placed, Then each partition has its turn."""
    placing = Placing()

    found = [placing.next_of("events", [0, 1, 2]) for _ in range(8)]

    assert found == [0, 1, 2, 0, 1, 2, 0, 1]


def test_turns_leave_out_partitions_that_are_not_available() -> None:
    """Given a partition without a leader, When messages take turns, Then it gets none."""
    placing = Placing()

    found = Counter(placing.next_of("events", [0, 2]) for _ in range(10))

    assert found == {0: 5, 2: 5}


def test_each_topic_has_its_own_turns() -> None:
    """Given two topics, When messages alternate between them, Then both are spread evenly."""
    placing = Placing()

    found = [placing.next_of(topic, [0, 1]) for topic in ("a", "b", "a", "b")]

    assert found == [0, 0, 1, 1]
