"""What is known of the records of one call of ``deliver``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import PermanentError, TransientError
from experimentframework_kafka._work import Work

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka.structs import TopicPartition

    from experimentframework_core.envelope import Record

Failure = TransientError | PermanentError


class Sent(NamedTuple):
    """A batch on its way.

    Attributes:
        indexes: Its records, by their indexes in the call.
        future: What it ends with; cancelling it does not call it back.
        absent: The ids of its events that are not in the call.
    """

    indexes: list[int]
    future: asyncio.Future[object]
    absent: Sequence[str] = ()


class Earlier(NamedTuple):
    """A batch that a call has left on its way, by the ids of its events."""

    event_ids: list[str]
    future: asyncio.Future[object]


class Call:
    """The records of one call, by their indexes. Pure: nothing is sent here.

    Attributes:
        batch: What to send.
        work: What is still to be sent, by partition.
        on_the_way: What is sent and not settled.
        acknowledged: What the brokers have.
        failures: Why records failed.
        confirmed: The ids of events that are not in the call, and that the brokers have.
        given_up: Whether it ended with something unsent.
    """

    def __init__(self, batch: Sequence[Record]) -> None:
        """Begin with nothing placed."""
        self.batch = batch
        self.work: dict[TopicPartition, Work] = {}
        self.on_the_way: dict[TopicPartition, Sent] = {}
        self.acknowledged: set[int] = set()
        self.failures: dict[int, Failure] = {}
        self.confirmed: set[str] = set()
        self.given_up = False

    def resume(self, earlier: Mapping[TopicPartition, Earlier], confirmed: set[str]) -> set[int]:
        """Take over what an earlier call has sent; return the records that are not to be sent.

        The same records come again after a call that did not end: to send them again would be to
        deliver them twice.
        """
        if not earlier and not confirmed:
            return set()
        index_of = {record.event_id: index for index, record in enumerate(self.batch)}
        for partition, (event_ids, future) in earlier.items():
            indexes = [index_of[each] for each in event_ids if each in index_of]
            absent = tuple(each for each in event_ids if each not in index_of)
            self.on_the_way[partition] = Sent(indexes, future, absent)
            self.work[partition] = Work()
        self.acknowledged.update(index_of[each] for each in confirmed if each in index_of)
        self.confirmed = confirmed.difference(index_of)
        sent = {index for each in self.on_the_way.values() for index in each.indexes}
        return sent | self.acknowledged

    def work_of(self, partition: TopicPartition) -> Work:
        """Return what is to be sent to a partition, to add records to it."""
        work = self.work.get(partition)
        if work is None:
            work = self.work[partition] = Work()
        return work

    def acknowledge(self, sent: Sent) -> None:
        """Note that the brokers have a batch."""
        self.acknowledged.update(sent.indexes)
        self.confirmed.update(sent.absent)

    def fail_partition(
        self, partition: TopicPartition, indexes: Iterable[int], failure: Failure
    ) -> None:
        """Fail records, and all that would follow them in their partition: order is kept."""
        self.failures |= dict.fromkeys((*indexes, *self.work[partition].take_all()), failure)

    def fail_rest(self, failure: Failure) -> None:
        """Fail everything that is neither acknowledged nor failed."""
        self.given_up = True
        for index in range(len(self.batch)):
            if index not in self.acknowledged:
                self.failures.setdefault(index, failure)

    def acknowledged_ids(self) -> set[str]:
        """Return the ids of the events that the brokers have."""
        return {self.batch[index].event_id for index in self.acknowledged}

    def left_on_the_way(self) -> dict[TopicPartition, Earlier]:
        """Return what is sent and not settled, for a later call."""
        return {
            partition: Earlier(
                [*(self.batch[each].event_id for each in sent.indexes), *sent.absent], sent.future
            )
            for partition, sent in self.on_the_way.items()
        }
