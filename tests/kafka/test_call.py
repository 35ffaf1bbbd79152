"""What is known of the records of one call."""

from __future__ import annotations

import asyncio

from aiokafka.structs import TopicPartition

from experimentframework_core.errors import TransientError
from experimentframework_core.testing import make_records
from experimentframework_kafka._call import Call, Earlier, Sent

FIRST, SECOND = TopicPartition("events", 0), TopicPartition("events", 1)


async def test_what_is_on_the_way_is_taken_over_by_the_next_call() -> None:
    """Given a batch is on its way, When its records come again, Then they are not sent again."""
    records = make_records(4)
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    before = Call(records)
    before.work_of(FIRST).add([3])
    before.on_the_way[FIRST] = Sent([1, 2], future)

    call = Call(records[1:])
    taken = call.resume(before.left_on_the_way(), set())

    assert taken == {0, 1}
    assert call.on_the_way == {FIRST: Sent([0, 1], future)}


async def test_a_batch_of_which_nothing_comes_again_is_still_waited_for() -> None:
    """Given a batch is on its way, When other records come, Then it keeps its partition busy."""
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    call = Call(make_records(2))

    taken = call.resume({FIRST: Earlier(["gone"], future)}, set())

    assert taken == set()
    assert call.on_the_way == {FIRST: Sent([], future, ("gone",))}
    assert call.left_on_the_way() == {FIRST: Earlier(["gone"], future)}


async def test_what_arrives_during_another_call_is_remembered() -> None:
    """Given a batch is acknowledged while others come, When it comes again, Then it is there."""
    late, others = make_records(2), make_records(2)
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    between = Call(others)
    between.resume({FIRST: Earlier([each.event_id for each in late], future)}, set())
    between.acknowledge(between.on_the_way.pop(FIRST))

    again = Call(late[:1])
    taken = again.resume({}, between.confirmed)

    assert (between.acknowledged, taken) == (set(), {0})
    assert again.confirmed == {late[1].event_id}


def test_what_is_acknowledged_is_not_sent_again() -> None:
    """Given an event is acknowledged, When its record comes again, Then it is so already."""
    records = make_records(3)
    call = Call(records)

    taken = call.resume({}, {records[1].event_id, "another"})

    assert taken == call.acknowledged == {1}
    assert call.acknowledged_ids() == {records[1].event_id}


def test_a_failed_batch_takes_all_that_follows_with_it() -> None:
    """Given more records of a partition, When a batch fails, Then they fail, others do not."""
    call = Call(make_records(5))
    for index, partition in enumerate([FIRST, SECOND, FIRST, FIRST, SECOND]):
        call.work_of(partition).add([index])
    failure = TransientError("not now")

    call.fail_partition(FIRST, call.work[FIRST].take(1), failure)

    assert call.failures == {0: failure, 2: failure, 3: failure}
    assert call.work[SECOND].take_all() == [1, 4]


def test_the_rest_fails_when_nothing_can_be_sent() -> None:
    """Given one is acknowledged and one failed, When the rest fails, Then those two stay."""
    call = Call(make_records(4))
    early, late = TransientError("early"), TransientError("late")
    call.acknowledged.add(0)
    call.failures[1] = early

    call.fail_rest(late)

    assert call.failures == {1: early, 2: late, 3: late}
