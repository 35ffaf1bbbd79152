"""The topics that are read, through one consumer that is watched."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import UnavailableError
from experimentframework_kafka._client import beginning_at, client_arguments
from experimentframework_kafka._metadata import metadata_of, missing
from experimentframework_kafka._producer import get_on
from experimentframework_kafka._quiet import quieten
from experimentframework_kafka._reaching import first_that_answers, why_unreachable
from experimentframework_kafka._watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping
    from datetime import datetime

    from aiokafka import AIOKafkaConsumer, ConsumerRecord
    from aiokafka.structs import TopicPartition

    from experimentframework_kafka._options import KafkaOptions

AT_ONCE = 500
STOP_TIMEOUT = 2.0
LOOK_EVERY = 1.0
"""Seconds of waiting after which it is looked whether the partitions still answer."""

_WAIT_MS = 200


class Bounds(NamedTuple):
    """What a partition has now.

    Attributes:
        first: The offset of the first message that is there.
        late: That of the first message that is late enough; the first of all where all are.
        end: The offset behind the last message.
    """

    first: int
    late: int
    end: int


class OutOfRangeError(Exception):
    """The message that comes next is not there any more, or not yet."""

    def __init__(self, partition: TopicPartition, offset: int) -> None:
        """Say where it should be."""
        self.partition = partition
        self.offset = offset
        super().__init__(f"{partition} has nothing at {offset}")


@asynccontextmanager
async def open_log(options: KafkaOptions) -> AsyncIterator[Log]:
    """Yield the log of a cluster.

    Raises:
        TransientError: No broker answers, or not any more.
        UnavailableError: The brokers refuse us.
    """
    from aiokafka import AIOKafkaConsumer
    from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

    broker = await first_that_answers(options)
    consumer = AIOKafkaConsumer(
        **beginning_at(broker, client_arguments(options)),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    quieten()
    try:
        await get_on(consumer.start(), broker, options, consumer._client)  # noqa: SLF001
        yield Log(consumer, options)
    except TopicAuthorizationFailedError as error:
        raise UnavailableError(
            f"cannot read events: {error}; give this user the right READ on the topic"
        ) from error
    except (KafkaError, OSError, TimeoutError) as error:
        why = await why_unreachable(options, consumer._client)  # noqa: SLF001
        raise type(why)(f"cannot read events: {error!r}; {why}") from error
    finally:
        await _stop(consumer)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer in bounded time; what it raises then has no meaning any more."""
    stopping = asyncio.ensure_future(consumer.stop())
    for _ in range(2):
        await asyncio.wait({stopping}, timeout=STOP_TIMEOUT)
        stopping.cancel()
    if stopping.done() and not stopping.cancelled():
        stopping.exception()


class Log:
    """Partitions from which messages come, or an error that says why they do not."""

    def __init__(self, consumer: AIOKafkaConsumer, options: KafkaOptions) -> None:
        """Read through a consumer that has started."""
        self._consumer = consumer
        self._client = consumer._client  # noqa: SLF001 - nothing public has metadata
        self._options = options
        self._patience = options.request_timeout_ms / 1000
        self._watch = Watch(self._patience)
        self._read: set[TopicPartition] = set()
        self._look_at = 0.0
        self.waited = 0.0

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """Return all partitions of those of the topics that exist.

        Raises:
            UnavailableError: The one topic of the options does not exist.
        """
        from aiokafka.structs import TopicPartition

        cluster = await metadata_of(topics, self._client)
        if self._options.topic is not None and self._options.topic not in cluster.topics():
            created = self._options.create_topics.enabled
            raise UnavailableError(missing([self._options.topic], created=created))
        return [
            TopicPartition(topic, number)
            for topic in sorted(topics)
            for number in sorted(cluster.partitions_for_topic(topic) or ())
        ]

    async def bounds(
        self, partitions: Collection[TopicPartition], since: datetime | None
    ) -> dict[TopicPartition, Bounds]:
        """Return where each partition begins, has its first message that is late enough, and ends.

        ``since`` is compared with the messages' own time.
        """
        if not partitions:
            return {}
        starts = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        late = starts
        if since is not None:
            at = max(0, int(since.timestamp() * 1000))
            found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, at))
            late = {each: found[each].offset if found[each] else ends[each] for each in partitions}
        return {each: Bounds(starts[each], late[each], ends[each]) for each in partitions}

    def begin(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        self._read = set(positions)
        self._consumer.assign(list(positions))
        for partition, offset in positions.items():
            self.go_to(partition, offset)

    def go_to(self, partition: TopicPartition, offset: int) -> None:
        """Read a partition, which is read already, from another offset on."""
        self._consumer.seek(partition, offset)

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset of the next message of a partition that is read."""
        async with asyncio.timeout(self._patience):
            offset: int = await self._consumer.position(partition)
            return offset

    async def next(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return messages that are there or come in a moment; perhaps none.

        Raises:
            OutOfRangeError: A partition has nothing where it is read; `go_to` says where to go on.
            UnavailableError: A topic that is read has been deleted.
            TransientError: A partition has not answered for long.
        """
        from aiokafka.errors import OffsetOutOfRangeError

        loop = asyncio.get_running_loop()
        began = loop.time()
        found: dict[TopicPartition, list[ConsumerRecord]]
        try:
            found = await self._consumer.getmany(timeout_ms=_WAIT_MS, max_records=AT_ONCE)
        except OffsetOutOfRangeError as error:
            [(partition, offset)] = error.args[0].items()
            raise OutOfRangeError(partition, offset) from error
        self.waited += loop.time() - began
        if not found and self.waited >= self._look_at:
            self._look_at = self.waited + LOOK_EVERY
            await self._look()
        return found

    async def _look(self) -> None:
        known = self._client.cluster.partitions_for_topic
        if any(each.partition not in (known(each.topic) or ()) for each in self._read):
            await self._look_whether_deleted()
        answers = {each: self._consumer.last_poll_timestamp(each) for each in self._read}
        if silent := self._watch.silent(answers, self.waited):
            named = ", ".join(f"{each.topic}/{each.partition}" for each in sorted(silent))
            why = await why_unreachable(self._options, self._client)
            raise type(why)(
                f"cannot read on: {named} did not answer for {self._patience:g} s; {why}"
            )

    async def _look_whether_deleted(self) -> None:
        from aiokafka.errors import KafkaError

        with suppress(KafkaError, TimeoutError):  # If nobody answers, the watch says so.
            cluster = await metadata_of({each.topic for each in self._read}, self._client)
            for partition in sorted(self._read):
                if partition.partition not in (cluster.partitions_for_topic(partition.topic) or ()):
                    raise UnavailableError(
                        f"cannot read on: topic '{partition.topic}' has been deleted"
                    )
