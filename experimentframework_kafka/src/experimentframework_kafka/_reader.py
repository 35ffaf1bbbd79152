"""Reads events back from the topics they were delivered to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import (
    InvalidEventError,
    ReplayError,
    TransientError,
    UnavailableError,
)
from experimentframework_kafka._checkpoint import Place, positions_of, written
from experimentframework_kafka._client import client_arguments
from experimentframework_kafka._metadata import missing
from experimentframework_kafka._producer import why_unreachable
from experimentframework_kafka._quiet import quieten
from experimentframework_kafka._topics import all_topics, topic_of

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord
    from aiokafka.structs import TopicPartition

    from experimentframework_core.plugin import Selection
    from experimentframework_kafka._options import KafkaOptions

_AT_ONCE = 500
_WAIT_MS = 200


def read_kafka(options: KafkaOptions, selection: Selection) -> AsyncIterator[Envelope]:
    """Return a reader of the selected events.

    Raises:
        ReplayError: The selection's checkpoint is not one of this reader's.
    """
    return KafkaReader(options, selection)


class KafkaReader(AsyncIterator[Envelope]):
    """The selected events: of each partition in its order, one partition after another.

    Without ``follow`` it ends where the partitions ended when it began. With it, what comes later
    is given as it comes. No consumer group is used, so nobody else is disturbed.
    """

    def __init__(self, options: KafkaOptions, selection: Selection) -> None:
        """Store what to read; it connects with the first event.

        Raises:
            ReplayError: The selection's checkpoint is not one of this reader's.
        """
        self._options = options
        self._selection = selection
        self._positions: dict[Place, int] = positions_of(selection.checkpoint)
        self._envelopes = self._read()

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands: behind the event that was given last. None at the start."""
        return written(self._positions)

    async def __anext__(self) -> Envelope:
        return await anext(self._envelopes)

    async def aclose(self) -> None:
        """Disconnect; needed only where the reading is left before its end."""
        await self._envelopes.aclose()

    async def _read(self) -> AsyncGenerator[Envelope, None]:
        async with _consumer(self._options) as consumer:
            partitions = await self._partitions(consumer)
            starts = await self._starts(consumer, partitions)
            ends = await consumer.end_offsets(partitions) if partitions else {}
            for partition in partitions:
                consumer.assign([partition])
                consumer.seek(partition, starts[partition])
                async for envelope in self._up_to(consumer, partition, ends[partition]):
                    yield envelope
            if not self._selection.follow:
                return
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, max(starts[partition], ends[partition]))
            while True:
                async for envelope in self._next(consumer):
                    yield envelope

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        from aiokafka.structs import TopicPartition

        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - nothing public has it
        if self._options.topic is not None and self._options.topic not in cluster.topics():
            raise UnavailableError(missing([self._options.topic]))
        wanted = {topic_of(each, self._options) for each in self._selection.types}
        return [
            TopicPartition(topic, number)
            for topic in sorted(wanted or all_topics(self._options))
            for number in sorted(cluster.partitions_for_topic(topic) or ())
        ]

    async def _starts(
        self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return where to begin: at the checkpoint, else at the first event that is late enough."""
        if not partitions:
            return {}
        starts: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        since = self._selection.since
        if since is not None:
            ends = await consumer.end_offsets(partitions)
            at = int(since.timestamp() * 1000)
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, at))
            for partition, first in found.items():
                starts[partition] = ends[partition] if first is None else first.offset
        return {
            partition: max(first, self._positions.get((*partition,), 0))
            for partition, first in starts.items()
        }

    async def _up_to(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, end: int
    ) -> AsyncGenerator[Envelope, None]:
        loop = asyncio.get_running_loop()
        patience = self._options.request_timeout_ms / 1000
        give_up = loop.time() + patience
        before = -1
        while (position := await consumer.position(partition)) < end:
            if position > before:
                before, give_up = position, loop.time() + patience
            elif loop.time() > give_up:
                raise TransientError(
                    f"cannot read topic '{partition.topic}': offset {position:,} of partition "
                    f"{partition.partition} does not come"
                )
            async for envelope in self._next(consumer, end):
                yield envelope
        self._positions[*partition,] = max(end, self._positions.get((*partition,), 0))

    async def _next(
        self, consumer: AIOKafkaConsumer, end: int | None = None
    ) -> AsyncGenerator[Envelope, None]:
        """Yield what is selected of the messages that are there, or come in a moment."""
        found = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_AT_ONCE)
        for partition, messages in found.items():
            for message in messages:
                if end is not None and message.offset >= end:
                    break
                self._positions[*partition,] = message.offset + 1
                if (envelope := self._selected(message)) is not None:
                    yield envelope

    def _selected(self, message: ConsumerRecord) -> Envelope | None:
        if message.value is None:
            return None
        try:
            if not self._selection.selects(decode_record(message.value)):
                return None
            return decode(message.value)
        except InvalidEventError as error:
            raise ReplayError(
                f"cannot read offset {message.offset:,} of partition {message.partition} of topic "
                f"'{message.topic}': {error}; read on behind it with the checkpoint "
                f"{self.checkpoint}"
            ) from error


@asynccontextmanager
async def _consumer(options: KafkaOptions) -> AsyncIterator[AIOKafkaConsumer]:
    from aiokafka import AIOKafkaConsumer
    from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

    quieten()
    consumer = AIOKafkaConsumer(
        **client_arguments(options),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        try:
            await consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await why_unreachable(options) from error
        try:
            yield consumer
        except TopicAuthorizationFailedError as error:
            raise UnavailableError(
                f"cannot read events: {error}; give this user the right READ on the topic"
            ) from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransientError(f"cannot read events: {error!r}") from error
    finally:
        await consumer.stop()
