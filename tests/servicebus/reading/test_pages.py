"""How the numbers of a queue are gone through, also where it is partitioned."""

from __future__ import annotations

from bisect import bisect_left
from itertools import count
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import pytest

from experimentframework_servicebus._reading.pages import PAGE, Read, up_to_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from azure.servicebus import ServiceBusReceivedMessage


class Message(NamedTuple):
    sequence_number: int


class Queue:
    """A queue that shows messages as the service does, or as it is said to.

    A page of a partitioned one ends with its partition, or even with one message, and goes on to
    the next partition where the asked one has no more, or does not.
    """

    def __init__(
        self,
        numbers: Iterable[int],
        *,
        most: int = PAGE,
        crosses: Literal["within a page", "between pages", "never"] = "within a page",
    ) -> None:
        self.numbers = sorted(numbers)
        self.asked = 0
        self.comes_while_asked = 0
        self._most = most
        self._crosses = crosses
        self._next = count(max(self.numbers, default=0) + 1)

    async def page(self, first: int, most: int = PAGE) -> Sequence[ServiceBusReceivedMessage]:
        self.asked += 1
        found = self.numbers[bisect_left(self.numbers, first) :][: min(most, self._most)]
        if found and self._crosses != "within a page":
            kept = first if self._crosses == "never" else found[0]
            found = [each for each in found if each >> 48 == kept >> 48]
        self.numbers += [next(self._next) for _ in range(self.comes_while_asked)]
        return cast("list[ServiceBusReceivedMessage]", [Message(each) for each in found])


def partitions(**sizes: int) -> list[int]:
    """Return the numbers of messages in partitions, which are named p0 and so on."""
    return [
        (int(name[1:]) << 48) + number
        for name, size in sizes.items()
        for number in range(1, size + 1)
    ]


async def read_from(queue: Queue, read: Read) -> list[int]:
    return [message.sequence_number or 0 async for message in up_to_end(queue, read)]


async def test_all_pages_are_read_in_order() -> None:
    """Given some pages with gaps, When they are read, Then all come, in order, and once."""
    queue = Queue(range(7, 3 * PAGE, 2))

    assert await read_from(queue, {}) == queue.numbers


async def test_what_was_read_does_not_come_again() -> None:
    """Given a place in the middle, When it is read, Then only what is behind comes."""
    queue = Queue(range(1, 100))

    assert await read_from(queue, {0: 90}) == list(range(91, 100))


async def test_an_empty_queue_is_read() -> None:
    """Given nothing, When it is read, Then that is known: what comes later is new."""
    read: Read = {}
    queue = Queue([])

    assert await read_from(queue, read) == []
    assert read == {0: 0}


@pytest.mark.parametrize("crosses", ["within a page", "between pages", "never"])
@pytest.mark.parametrize("most", [1, 3, PAGE])
async def test_every_known_partition_is_read_on(
    most: int, crosses: Literal["within a page", "between pages", "never"]
) -> None:
    """Given partitions of which each has new messages, When read on, Then these come, once.

    How the service goes from one partition to the next is nowhere written; each way will do.
    """
    queue = Queue(partitions(p0=8, p3=9, p4=5, p15=7), most=most, crosses=crosses)
    read = {0: 2, 3: (3 << 48) + 9, 4: (4 << 48) + 1, 15: (15 << 48) + 6}
    old = {number for number in queue.numbers if number <= read[number >> 48]}

    assert await read_from(queue, read) == sorted(set(queue.numbers) - old)


@pytest.mark.parametrize("most", [1, PAGE])
async def test_partitions_are_found(most: int) -> None:
    """Given a partitioned queue, When it is read the first time, Then all partitions are."""
    queue = Queue(partitions(p1=3, p2=1, p9=4), most=most, crosses="between pages")

    assert await read_from(queue, {}) == queue.numbers


@pytest.mark.parametrize("crosses", ["within a page", "between pages", "never"])
async def test_a_new_partition_is_found_between_old_ones(
    crosses: Literal["within a page", "between pages", "never"],
) -> None:
    """Given partitions get their first messages, When read on, Then these come."""
    queue = Queue(partitions(p1=3, p5=1, p9=4, p15=1), crosses=crosses)
    new = [(5 << 48) + 1, (15 << 48) + 1]

    assert await read_from(queue, {1: (1 << 48) + 3, 9: (9 << 48) + 4}) == new


async def test_a_reading_ends_where_messages_come_as_fast_as_it_looks() -> None:
    """Given a message comes with each look, When it is read, Then it ends, with what was there."""
    queue = Queue(range(1, 10_000, 3))
    there = list(queue.numbers)
    queue.comes_while_asked = 1

    found = await read_from(queue, {})

    assert found[: len(there)] == there
    assert len(found) < len(there) + 2 * PAGE


async def test_the_end_is_found_in_few_looks() -> None:
    """Given 100,000 messages, When they are read, Then the looks are little more than the pages."""
    queue = Queue(range(1, 100_001))

    found = await read_from(queue, {})

    assert len(found) == 100_000
    assert queue.asked < 100_000 / PAGE + 40


async def test_a_service_that_goes_back_is_not_asked_for_ever() -> None:
    """Given a page from before where it was asked for, When it is read, Then that ends."""

    class Stuck(Queue):
        async def page(self, first: int, most: int = PAGE) -> Sequence[ServiceBusReceivedMessage]:
            assert self.asked < 100
            return await super().page(min(first, 3), most)

    queue = Stuck([1, 2, 3])

    assert await read_from(queue, {}) == [1, 2, 3]
