"""Partitions that do not answer any more are noticed."""

from __future__ import annotations

from aiokafka.structs import TopicPartition

from experimentframework_kafka._watch import Watch

FIRST, SECOND = TopicPartition("events", 0), TopicPartition("events", 1)


def test_a_partition_that_stops_answering_is_silent() -> None:
    """Given one of two stops answering, When patience is over, Then it is named."""
    watch = Watch(10)

    found = [watch.silent({FIRST: at, SECOND: min(at, 3)}, at) for at in (1, 3, 13, 14)]

    assert found == [[], [], [], [SECOND]]


def test_a_partition_that_never_answers_is_silent() -> None:
    """Given one without any answer, When patience is over, Then it is named."""
    watch = Watch(10)

    found = [watch.silent({FIRST: None}, waited) for waited in (0, 10, 11)]

    assert found == [[], [], [FIRST]]


def test_a_partition_that_is_read_anew_begins_anew() -> None:
    """Given one was not read for a while, When it is again, Then its patience begins then."""
    watch = Watch(10)
    watch.silent({FIRST: None}, 0)
    watch.silent({SECOND: None}, 5)

    found = watch.silent({FIRST: None}, 11)

    assert found == []


def test_an_answer_ends_the_silence() -> None:
    """Given a silent one, When it answers, Then it is not silent any more."""
    watch = Watch(10)
    watch.silent({FIRST: 1}, 0)
    assert watch.silent({FIRST: 1}, 20) == [FIRST]

    found = watch.silent({FIRST: 2}, 21)

    assert found == []
