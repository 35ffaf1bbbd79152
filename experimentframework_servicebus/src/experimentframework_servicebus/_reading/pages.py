"""Goes through the messages of a queue or subscription by their numbers.

Azure numbers the messages of a queue, and of a partitioned one those of each partition: the first
16 bits of a number are the partition's. A page of a partitioned queue may be of one partition only,
and end before the next; so, where there is more than one, each partition is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from azure.servicebus import ServiceBusReceivedMessage

PAGE = 250
"""Most messages that are asked for at once; the service gives fewer where they are large."""

BITS_IN_PARTITION = 48
PARTITIONS = 16

Read: TypeAlias = dict[int, int]
"""The number of the last message that was read, by partition."""


class Pages(Protocol):
    """Where messages are looked at."""

    async def page(self, first: int, most: int = PAGE) -> Sequence[ServiceBusReceivedMessage]:
        """Return messages from a number on, in order; none where there are no more."""


def partition_of(number: int) -> int:
    """Return the partition of a message."""
    return number >> BITS_IN_PARTITION


async def up_to_end(pages: Pages, read: Read) -> AsyncGenerator[ServiceBusReceivedMessage, None]:
    """Yield the messages that are there now and were not read; each is read when it is yielded."""
    ends: dict[int, int] = {}
    first: int | None = _behind(read, 0)
    while first is not None:
        page = await pages.page(first, PAGE)
        for message in page:
            number = message.sequence_number or 0
            partition = partition_of(number)
            if number <= read.get(partition, 0):
                continue
            if partition not in ends:
                ends[partition] = await _end(pages, number)
            if number < ends[partition]:
                read[partition] = number
                yield message
        first = _next(first, page, read, ends)
    read.setdefault(0, 0)  # Even where nothing is, it is known that all was read.


def _next(
    first: int,
    page: Sequence[ServiceBusReceivedMessage],
    read: Read,
    ends: dict[int, int],
) -> int | None:
    """Return where to go on behind a page; None where all was looked at."""
    if page:
        last = page[-1].sequence_number or 0
        partition = partition_of(last)
        if last >= ends.get(partition, last + 1):
            return _behind(read, partition + 1)
        following = max(last + 1, _behind(read, partition))
        if following > first:
            return following
    asked, last = partition_of(first), max(read, default=0)
    if last:
        last = max(last, PARTITIONS - 1)
    return _behind(read, asked + 1) if asked < last else None


def _behind(read: Read, partition: int) -> int:
    return read.get(partition, partition << BITS_IN_PARTITION) + 1


async def _end(pages: Pages, number: int) -> int:
    """Return a number behind all that are there in a partition, at most a page behind the last.

    A reading could never end otherwise where messages come as fast as it looks for them. What is
    far away is found by steps that double, then by halves.
    """

    async def found(least: int) -> int | None:
        page = await pages.page(least, 1)
        its = (page[0].sequence_number or 0) if page else 0
        return its if its >= least and partition_of(its) == partition_of(number) else None

    last, step = number, PAGE
    while (later := await found(last + step)) is not None:
        last, step = later, step * 2
    end = last + step
    while end - last > PAGE:
        middle = (last + end) // 2
        later = await found(middle)
        if later is None:
            end = middle
        else:
            last = later
    return end
