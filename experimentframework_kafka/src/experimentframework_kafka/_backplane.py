"""Opens the type ``kafka``, delivers to it, and says what it keeps in order."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import ChannelSettings
from experimentframework_kafka._call import Call
from experimentframework_kafka._client import batch_bytes, request_bytes
from experimentframework_kafka._creation import create_missing
from experimentframework_kafka._hindrances import hindrance
from experimentframework_kafka._limits import Limits
from experimentframework_kafka._memory import keep_memory_of_requests
from experimentframework_kafka._message import key_of, keys_of, writer_of_messages
from experimentframework_kafka._metadata import Topics, check_topics
from experimentframework_kafka._overdue import successor
from experimentframework_kafka._placing import Placing
from experimentframework_kafka._producer import discard, start_producer, stop
from experimentframework_kafka._pump import Pump
from experimentframework_kafka._reaching import why_unreachable
from experimentframework_kafka._topics import all_topics, by_topic, topic_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiokafka import AIOKafkaProducer
    from aiokafka.structs import TopicPartition

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane, OpenContext
    from experimentframework_kafka._call import Earlier
    from experimentframework_kafka._options import KafkaOptions

_BATCH_SIZE = 500
_SHARE_OF_DELIVERY = 0.8
_SHARE_OF_STARTING = 0.15


@asynccontextmanager
async def open_kafka(options: KafkaOptions, context: OpenContext) -> AsyncIterator[Backplane]:
    """Yield a backplane that has found the cluster.

    Raises:
        TransientError: No broker answers.
        UnavailableError: The brokers refuse us or a topic to make, or a file of the options
            cannot be read.
    """
    backplane = KafkaBackplane(options, context.delivery_timeout)
    try:
        await backplane.start()
        await backplane.make_topics()
        yield backplane
    finally:
        await backplane.close()


def channel_defaults(options: KafkaOptions) -> ChannelSettings:
    """Return the settings of the channel where nobody says others."""
    return ChannelSettings(batch_size=_BATCH_SIZE, flush_interval_ms=options.linger_ms)


def ordering_key(record: Record, options: KafkaOptions) -> str:
    """Return what stays in order: the message key, within each topic where there are several."""
    key = key_of(record, options)
    return key if options.topic is not None else f"{topic_of(record.event_type, options)}/{key}"


class KafkaBackplane:
    """Delivers through a producer that it replaces when that is poisoned or stuck."""

    def __init__(self, options: KafkaOptions, delivery_timeout: float) -> None:
        """Store the options; `start` connects."""
        self._options = options
        self._patience = delivery_timeout * _SHARE_OF_DELIVERY
        self._start_timeout = delivery_timeout * _SHARE_OF_STARTING
        self._message_of = writer_of_messages(options)
        self._placing = Placing()
        self._topics = Topics(created=options.create_topics.enabled)
        self._batch_bytes = batch_bytes(options)
        keep_memory_of_requests(self._batch_bytes)
        self._limits = Limits(request_bytes(options))
        self._producer: AIOKafkaProducer | None = None
        self._on_the_way: dict[TopicPartition, Earlier] = {}
        self._confirmed: set[str] = set()
        self._closed = False

    async def start(self) -> None:
        """Connect.

        Raises:
            TransientError: No broker answers; or, as UnavailableError, they refuse us.
        """
        if self._closed:
            raise TransientError("the backplane is closed")
        self._producer = await start_producer(self._options)

    async def make_topics(self) -> None:
        """Make the topics that are missing, where ``createTopics`` says so.

        Raises:
            TransientError: The brokers do not answer; or, as UnavailableError, they refuse.
        """
        creation = self._options.create_topics
        if creation.enabled:
            await create_missing(all_topics(self._options), creation, self._connected().client)

    async def close(self) -> None:
        """Disconnect, in bounded time whatever is on its way."""
        self._closed = True
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if self._on_the_way:
            await discard(producer)
        else:
            await stop(producer)

    async def ping(self) -> None:
        """Return if the cluster answers and has our topics, with leaders.

        Raises:
            DeliveryError: It does not, or lacks them.
        """
        from aiokafka.errors import KafkaError

        named = {*self._options.topics.values(), *self._topics.used}
        if self._options.topic is not None:
            named = {self._options.topic}
        client = self._producer and self._producer.client
        if client is None:
            raise await why_unreachable(self._options, None)
        try:
            await check_topics(named, client, created=self._options.create_topics.enabled)
            why = await hindrance(named, client, self._options)
        except (KafkaError, OSError, TimeoutError) as error:
            raise await why_unreachable(self._options, client) from error
        if why is not None:
            raise TransientError(why)

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return when every record is acknowledged, as ``acks`` says.

        Where topics differ, the refusal of one is never told as that of the destination.

        Raises:
            TransientError: Nothing is acknowledged.
            UnavailableError: The same, and somebody must change something.
            PartialBatchError: All records that it does not name are acknowledged.
        """
        if not batch:
            return
        deadline = asyncio.get_running_loop().time() + self._patience
        call = Call(batch)
        done_before = call.resume(self._on_the_way, self._confirmed)
        try:
            await self._send(call, done_before, deadline)
        except asyncio.CancelledError:
            # The same records come again: what the brokers have is not to be sent twice.
            self._confirmed = call.acknowledged_ids() | call.confirmed
            raise
        finally:
            self._on_the_way = {} if self._producer is None else call.left_on_the_way()
        self._confirmed = call.confirmed
        if call.failures:
            _raise(call, one_topic=self._options.topic is not None)

    async def _send(self, call: Call, done: set[int], deadline: float) -> None:
        """Send with one producer after another, until nothing is left or time is up."""
        try:
            if self._producer is None:
                await self.start()
            await self._place(call, [each for each in range(len(call.batch)) if each not in done])
            while await self._pump(call, deadline):
                await self._renew(call)
        except TransientError as error:
            call.fail_rest(error)

    async def _pump(self, call: Call, deadline: float) -> bool:
        """Send what is placed; return whether a new producer is needed, and time is left."""
        producer = self._connected()
        pump = Pump(
            call,
            producer,
            message_of=self._message_of,
            options=self._options,
            limits=self._limits,
            batch_bytes=self._batch_bytes,
        )
        if not await pump.run(deadline):
            if pump.unanswered is not None:
                # It stays: with idempotence it writes nothing twice when brokers are back.
                raise pump.unanswered
            topics = {each.topic for each in call.on_the_way}
            new, error = await successor(producer, topics, self._options, self._start_timeout)
            if new is not None:
                self._producer = new
                call.on_the_way.clear()
                await discard(producer)
            raise error
        return pump.poisoned

    async def _place(self, call: Call, indexes: Sequence[int]) -> None:
        """Find the partition of each of these records, topic by topic."""
        topics = by_topic(call.batch, indexes, self._options)
        numbers = await asyncio.gather(*map(self._number_of_partitions, topics))
        for (topic, its), number in zip(topics.items(), numbers, strict=True):
            if isinstance(number, TransientError):
                call.failures |= dict.fromkeys(its, number)
            else:
                self._place_in(topic, number, call, its)

    def _place_in(self, topic: str, number: int, call: Call, indexes: Sequence[int]) -> None:
        from aiokafka.structs import TopicPartition

        placed: dict[int, list[int]] = {}
        for index, partition in zip(
            indexes, self._chosen(topic, number, call, indexes), strict=True
        ):
            placed.setdefault(partition, []).append(index)
        for partition, its in placed.items():
            call.work_of(TopicPartition(topic, partition)).add(its)

    def _chosen(self, topic: str, number: int, call: Call, indexes: Sequence[int]) -> list[int]:
        """Return the partition of each record: that of its key, or the one whose turn it is."""
        if self._options.partition_by == "roundRobin":
            cluster = self._connected().client.cluster
            available = sorted(cluster.available_partitions_for_topic(topic) or range(number))
            return [self._placing.next_of(topic, available) for _ in indexes]
        if number == 1:
            return [0] * len(indexes)
        keys = keys_of((call.batch[index] for index in indexes), self._options)
        return self._placing.of_keys(keys, number)

    async def _number_of_partitions(self, topic: str) -> int | TransientError:
        try:
            return await self._topics.number_of_partitions(topic, self._connected().client)
        except TransientError as error:
            return error

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise TransientError("not connected to a broker")
        return self._producer

    async def _renew(self, call: Call) -> None:
        """Have a new producer, which knows the topics of what is left.

        Raises:
            TransientError: No broker answers; or, as UnavailableError, they refuse us.
        """
        old, self._producer = self._connected(), None
        call.on_the_way.clear()
        await discard(old)
        await self.start()
        for partition in [each for each, work in call.work.items() if work.portion]:
            known = await self._number_of_partitions(partition.topic)
            if isinstance(known, TransientError):
                call.fail_partition(partition, (), known)


def _raise(call: Call, *, one_topic: bool) -> None:
    """Raise what the channel is to know; one error for all keeps it from every topic."""
    failures = call.failures
    refused = [error for error in failures.values() if isinstance(error, UnavailableError)]
    is_of_some = bool(refused) and not (one_topic or call.given_up)
    if (
        is_of_some
        or len(failures) < len(call.batch)
        or any(isinstance(error, PermanentError) for error in failures.values())
    ):
        raise PartialBatchError(failures)
    raise refused[0] if refused else failures[min(failures)]
