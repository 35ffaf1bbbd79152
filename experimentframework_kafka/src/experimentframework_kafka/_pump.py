"""Sends the records of one call, one batch for each partition at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from experimentframework_core.errors import PermanentError, UnavailableError
from experimentframework_kafka._call import Sent
from experimentframework_kafka._errors import delivery_error, ends_a_producer, refuses_a_record
from experimentframework_kafka._limits import CODECS, wire_size
from experimentframework_kafka._metadata import metadata_of
from experimentframework_kafka._overdue import why_unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaProducer
    from aiokafka.structs import TopicPartition

    from experimentframework_core.envelope import Record
    from experimentframework_core.errors import TransientError
    from experimentframework_kafka._batch import Batch
    from experimentframework_kafka._call import Call, Failure
    from experimentframework_kafka._limits import Limits
    from experimentframework_kafka._message import Message
    from experimentframework_kafka._options import KafkaOptions

LOOK_AGAIN = 1.0
"""Seconds after which a pump that waits looks whether its topics are still there."""

SILENCE = 2.0
"""Seconds without an answer after which it is asked whether any broker answers."""


class Pump:
    """One call's sending through one producer.

    Attributes:
        poisoned: Whether the producer is of no use any more: with idempotence every batch that
            fails leaves a gap in its numbers, and the brokers refuse all that follows.
        unanswered: Why no broker answers any more, where that ended the sending.
    """

    def __init__(
        self,
        call: Call,
        producer: AIOKafkaProducer,
        *,
        message_of: Callable[[Record], Message],
        options: KafkaOptions,
        limits: Limits,
        batch_bytes: int,
    ) -> None:
        """Hold the parts; `run` sends."""
        self.poisoned = False
        self.unanswered: TransientError | None = None
        self._options = options
        self._call = call
        self._producer = producer
        self._message_of = message_of
        self._idempotent = options.enable_idempotence
        self._codec = CODECS[options.compression_type]
        self._limits = limits
        self._batch_bytes = batch_bytes
        self._ready = [each for each in call.work if each not in call.on_the_way]

    async def run(self, deadline: float) -> bool:
        """Send until nothing is left that this producer can send.

        Args:
            deadline: When to give up, on the loop's clock.

        Returns:
            Whether all is settled; if not, the call's ``on_the_way`` has what is not.
        """
        loop = asyncio.get_running_loop()
        heard = loop.time()
        on_the_way = self._call.on_the_way
        while True:
            while self._ready:
                await self._send_next(self._ready.pop())
            if not on_the_way:
                return True
            left = deadline - loop.time()
            if left <= 0:
                return False
            done, _ = await asyncio.wait(
                {sent.future for sent in on_the_way.values()},
                timeout=min(left, LOOK_AGAIN),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for partition in [each for each, sent in on_the_way.items() if sent.future in done]:
                self._settle(partition, on_the_way.pop(partition))
            if done:
                heard = loop.time()
                continue
            await self._give_up_lost_topics()
            if loop.time() >= heard + SILENCE:
                self.unanswered = await self._why_unanswered(deadline)
                if self.unanswered is not None:
                    return False
                heard = loop.time()

    async def _why_unanswered(self, deadline: float) -> TransientError | None:
        """Return why no broker answers; None where one does, or a batch is settled meanwhile."""
        asking = asyncio.ensure_future(why_unanswered(self._options, self._producer.client))
        settling = [sent.future for sent in self._call.on_the_way.values()]
        waiting: list[asyncio.Future[Any]] = [asking, *settling]
        try:
            await asyncio.wait(
                waiting,
                timeout=max(0, deadline - asyncio.get_running_loop().time()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _send_next(self, partition: TopicPartition) -> None:
        from aiokafka.errors import KafkaError

        work = self._call.work[partition]
        limit = await self._limits.of_topic(partition.topic, self._producer)
        if await self._is_lost(partition):
            self._call.fail_partition(partition, (), _deleted(partition))
            return
        while work.portion:
            builder, number = self._fill(partition, limit)
            if number == 1 and builder.size() > limit and await self._is_oversize(partition):
                continue
            indexes = work.take(number)
            try:
                future = await self._producer.send_batch(
                    builder, partition.topic, partition=partition.partition
                )
            except KafkaError as error:  # It has not been queued.
                self.poisoned = self.poisoned or ends_a_producer(error)
                self._call.fail_partition(partition, indexes, _failure(partition, error))
            else:
                future.add_done_callback(_take_notice)
                self._call.on_the_way[partition] = Sent(indexes, future)
            return

    def _fill(self, partition: TopicPartition, limit: int) -> tuple[Batch, int]:
        """Return a batch with the first records of the partition's portion, and how many."""
        from experimentframework_kafka._batch import Batch

        built = Batch(min(self._batch_bytes, limit), self._codec)
        records = map(self._call.batch.__getitem__, self._call.work[partition].portion)
        return built, built.fill(map(self._message_of, records))

    async def _is_oversize(self, partition: TopicPartition) -> bool:
        """Take out the next record if it does not fit even compressed: no broker shall see it."""
        work = self._call.work[partition]
        limit = await self._limits.ask(partition.topic, self._producer)
        size = wire_size(self._message_of(self._call.batch[work.portion[0]]), self._codec)
        if size <= limit:
            return False
        (index,) = work.take(1)
        self._call.failures[index] = PermanentError(
            f"cannot deliver to topic '{partition.topic}': the event takes {size:,} bytes, and "
            f"the topic takes {limit:,} (max.message.bytes)"
        )
        return True

    def _settle(self, partition: TopicPartition, sent: Sent) -> None:
        error = sent.future.exception()
        if error is None:
            self._call.acknowledge(sent)
            if self._call.work[partition].portion:
                self._ready.append(partition)
            return
        self.poisoned = self.poisoned or self._idempotent or ends_a_producer(error)
        if not refuses_a_record(error):
            self._call.fail_partition(partition, sent.indexes, _failure(partition, error))
            return
        self._limits.forget(partition.topic)
        if len(sent.indexes) == 1:
            self._call.failures[sent.indexes[0]] = _failure(partition, error)
        else:
            self._call.work[partition].give_back_halves(sent.indexes)
        if not self._idempotent:
            self._ready.append(partition)

    async def _give_up_lost_topics(self) -> None:
        """Fail what is on its way to a topic that is not there any more: it would wait long."""
        on_the_way = self._call.on_the_way
        for partition in [each for each in on_the_way if await self._is_lost(each)]:
            self.poisoned = True
            sent = on_the_way.pop(partition)
            self._call.fail_partition(partition, sent.indexes, _deleted(partition))

    async def _is_lost(self, partition: TopicPartition) -> bool:
        """Return whether the brokers do not have it any more; aiokafka would wait for it.

        What aiokafka knows may lack a topic that it was not asked for, so they have the last word.
        """
        from aiokafka.errors import KafkaError

        client, (topic, number) = self._producer.client, partition
        if number in (client.cluster.partitions_for_topic(topic) or ()):
            return False
        try:
            async with asyncio.timeout(LOOK_AGAIN):
                cluster = await metadata_of([topic], client)
        except (KafkaError, TimeoutError):
            return False
        return number not in (cluster.partitions_for_topic(topic) or ())


def _deleted(partition: TopicPartition) -> UnavailableError:
    return UnavailableError(
        f"cannot deliver to topic '{partition.topic}': it has been deleted; make it again"
    )


def _failure(partition: TopicPartition, error: BaseException) -> Failure:
    return delivery_error(error, f"deliver to topic '{partition.topic}'")


def _take_notice(future: asyncio.Future[object]) -> None:
    """Look at the error, so that asyncio does not complain of one that nobody has seen."""
    if not future.cancelled():
        future.exception()
