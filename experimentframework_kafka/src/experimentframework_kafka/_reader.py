"""Reads events back from the topics they were delivered to."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError, ReplayError, TransientError
from experimentframework_kafka._checkpoint import Place, positions_of, written
from experimentframework_kafka._log import OutOfRangeError, open_log
from experimentframework_kafka._topics import readable_topics, topic_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from aiokafka import ConsumerRecord
    from aiokafka.structs import TopicPartition

    from experimentframework_core.plugin import Selection
    from experimentframework_kafka._log import Bounds, Log
    from experimentframework_kafka._options import KafkaOptions

Answer = TypeVar("Answer")
Event = TypeVar("Event")

LOOK_FOR_NEW = 3.0
"""Seconds of waiting after which a reading that follows looks for new topics and partitions."""


def read_kafka(options: KafkaOptions, selection: Selection) -> AsyncIterator[Envelope]:
    """Return a reader of the selected events.

    Raises:
        ReplayError: The selection's checkpoint is not one of this reader's.
    """
    return KafkaReader(options, selection)


def read_records(options: KafkaOptions, selection: Selection) -> AsyncIterator[Record]:
    """Return a reader of the selected events as records, with the bytes that are stored.

    Raises:
        ReplayError: As for `read_kafka`.
    """
    return KafkaRecordReader(options, selection)


class _ClosedError(Exception):
    """The reading has been closed while it waited."""


class _Reader(AsyncIterator[Event]):
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
        wanted = {topic_of(each, options) for each in selection.types}
        self._topics = wanted or readable_topics(options)
        unknown = {topic for topic, _ in self._positions} - readable_topics(options) - wanted
        if unknown:
            raise ReplayError(
                f"cannot read on from the checkpoint: topic '{min(unknown)}' is not one of the "
                f"backplane's: {', '.join(sorted(self._topics))}"
            )
        self._found = self._read()
        self._idle = asyncio.Event()
        self._idle.set()
        self._waiting: asyncio.Task[object] | None = None
        self._closed = False
        self._begun: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}

    @property
    def progress(self) -> float | None:
        """How much of what was there when it began has been read, from 0 to 1."""
        asked = sum(self._ends.values()) - sum(self._begun.values())
        if asked <= 0:
            return None
        read = sum(
            self._positions.get(place, begun) - begun for place, begun in self._begun.items()
        )
        return min(1.0, max(0.0, read / asked))

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands: behind the event that was given last. None at the start."""
        return written(self._positions)

    async def __anext__(self) -> Event:
        if not self._idle.is_set():
            raise RuntimeError("the next event is being waited for already")
        self._idle.clear()
        try:
            found = await anext(self._found)
        except _ClosedError:
            raise StopAsyncIteration from None
        except (TransientError, asyncio.CancelledError):
            self._found = self._read()  # Who calls again goes on behind what was given.
            raise
        finally:
            self._idle.set()
        if isinstance(found, ReplayError):
            raise found
        return found

    async def aclose(self) -> None:
        """Disconnect; who waits for the next event meanwhile is told that there is none."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()
        await self._idle.wait()
        await self._found.aclose()

    @abstractmethod
    def _form(self, body: bytes, record: Record) -> Event:
        """Make of a stored event, and its record, what is given."""

    async def _unless_closed(self, doing: Coroutine[object, object, Answer]) -> Answer:
        """Return what ``doing`` returns; `aclose` ends it.

        Raises:
            _ClosedError: It has been ended so.
        """
        task = self._waiting = asyncio.ensure_future(doing)
        if self._closed:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if self._closed and task.cancelled() and caller is not None and not caller.cancelling():
                raise _ClosedError from None
            raise
        finally:
            self._waiting = None

    async def _read(self) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        async with AsyncExitStack() as stack:
            opening = stack.enter_async_context(open_log(self._options))
            log = await self._unless_closed(opening)
            partitions = await self._unless_closed(log.partitions(self._topics))
            since = self._selection.since
            bounds = await self._unless_closed(log.bounds(partitions, since))
            begins = self._begins(bounds)
            self._begun = {(*each,): offset for each, offset in begins.items()}
            self._ends = {(*each,): its.end for each, its in bounds.items()}
            for partition in partitions:
                if (gap := self._gap_before(partition, bounds[partition])) is not None:
                    yield gap
                log.begin({partition: begins[partition]})
                async for found in self._up_to(log, partition, bounds[partition].end):
                    yield found
            if self._selection.follow:
                async for found in self._follow(log, partitions):
                    yield found

    def _begins(self, bounds: Mapping[TopicPartition, Bounds]) -> dict[TopicPartition, int]:
        """Return where to begin in each partition; all are looked at before one is read.

        Raises:
            ReplayError: The checkpoint does not fit the partitions.
        """
        if lost := [each for each in self._positions if each not in {(*it,) for it in bounds}]:
            topic, number = min(lost)
            if topic in self._topics:
                raise ReplayError(
                    f"cannot read on from the checkpoint: there is no partition {number} of topic "
                    f"'{topic}'; leave it out of the checkpoint"
                )
        return {each: self._begin(each, its) for each, its in bounds.items()}

    def _begin(self, partition: TopicPartition, bounds: Bounds) -> int:
        """Return where to begin: at the checkpoint, else at the first event that is late enough."""
        known = self._positions.get((*partition,))
        if known is not None and known > bounds.end:
            raise _made_anew(partition, bounds.end, known)
        return max(bounds.late, known or 0)

    def _gap_before(self, partition: TopicPartition, bounds: Bounds) -> ReplayError | None:
        """Return what is wrong if events behind the checkpoint are gone that were late enough."""
        known = self._positions.get((*partition,))
        if known is None or known >= bounds.first or bounds.late > bounds.first:
            return None
        return self._gap(partition, known, bounds.first)

    def _gap(self, partition: TopicPartition, known: int, first: int) -> ReplayError:
        self._positions[*partition,] = first
        return ReplayError(
            f"cannot read the offsets {known:,} to {first - 1:,} of partition {partition.partition}"
            f" of topic '{partition.topic}': the brokers removed them before, at most"
            f" {first - known:,} events; keep them for longer with retention.ms, or read on behind"
            f" them with the checkpoint {self.checkpoint}",
            lost=first - known,
        )

    async def _out_of_range(
        self, log: Log, partition: TopicPartition, offset: int
    ) -> ReplayError | None:
        """Go on behind what is gone, and return what is wrong; None if nothing is.

        Raises:
            ReplayError: The topic was made anew.
        """
        bounds = (await log.bounds([partition], None))[partition]
        if offset > bounds.end:
            raise _made_anew(partition, bounds.end, offset)
        log.go_to(partition, max(offset, bounds.first))
        return self._gap(partition, offset, bounds.first) if offset < bounds.first else None

    async def _up_to(
        self, log: Log, partition: TopicPartition, end: int
    ) -> AsyncGenerator[Event | ReplayError, None]:
        loop = asyncio.get_running_loop()
        # The log itself gives up sooner on brokers that do not answer.
        patience = 2 * self._options.request_timeout_ms / 1000
        before, give_up = -1, loop.time() + patience
        while (position := await self._unless_closed(log.position(partition))) < end:
            if position < before or loop.time() > give_up:
                raise TransientError(
                    f"cannot read on: after offset {before:,} of partition {partition.partition} "
                    f"of topic '{partition.topic}' the rest does not come; was it made anew?"
                )
            if position > before:
                before, give_up = position, loop.time() + patience
            async for found in self._next(log, end):
                yield found
        self._positions[*partition,] = max(end, self._positions.get((*partition,), 0))

    async def _follow(
        self, log: Log, partitions: list[TopicPartition]
    ) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield what comes from now on, also from topics and partitions that are made later."""
        look_at = log.waited + LOOK_FOR_NEW
        log.begin(self._places(partitions))
        while True:
            async for found in self._next(log):
                yield found
            if log.waited < look_at:
                continue
            look_at = log.waited + LOOK_FOR_NEW
            if new := await self._unless_closed(self._new(log, partitions)):
                partitions = [*partitions, *new]
                log.begin(self._places(partitions))

    def _places(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: self._positions[*each,] for each in partitions}

    async def _new(self, log: Log, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the partitions that are new, where brokers tell; the log says if they are gone."""
        from aiokafka.errors import KafkaError

        try:
            there = await log.partitions(self._topics)
            new = [each for each in there if each not in partitions]
            for each, bounds in (await log.bounds(new, self._selection.since)).items():
                self._positions[*each,] = self._begin(each, bounds)
        except (KafkaError, TimeoutError):
            return []
        return new

    async def _next(
        self, log: Log, end: int | None = None
    ) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield what is selected of the messages that are there, or come in a moment."""
        try:
            came = await self._unless_closed(log.next())
        except OutOfRangeError as error:
            looking = self._out_of_range(log, error.partition, error.offset)
            if (gap := await self._unless_closed(looking)) is not None:
                yield gap
            return
        for partition, messages in came.items():
            for message in messages:
                if end is not None and message.offset >= end:
                    break
                self._positions[*partition,] = message.offset + 1
                if (found := self._selected(message)) is not None:
                    yield found

    def _selected(self, message: ConsumerRecord) -> Event | ReplayError | None:
        if message.value is None:
            return None
        try:
            record = decode_record(message.value)
            return self._form(message.value, record) if self._selection.selects(record) else None
        except InvalidEventError as error:
            told = ReplayError(
                f"cannot read offset {message.offset:,} of partition {message.partition} of topic "
                f"'{message.topic}': {error}; read on behind it with the checkpoint "
                f"{self.checkpoint}",
                record=message.value,
            )
            told.__cause__ = error
            return told


class KafkaReader(_Reader[Envelope]):
    """Gives the selected events as envelopes."""

    def _form(self, body: bytes, record: Record) -> Envelope:  # noqa: ARG002 - of the other one
        return decode(body)


class KafkaRecordReader(_Reader[Record]):
    """Gives the selected events as records, with the bytes that are stored."""

    def _form(self, body: bytes, record: Record) -> Record:  # noqa: ARG002 - of the other one
        return record


def _made_anew(partition: TopicPartition, end: int, known: int) -> ReplayError:
    return ReplayError(
        f"cannot read on from the checkpoint: partition {partition.partition} of topic "
        f"'{partition.topic}' ends at offset {end:,}, before {known:,}; the topic was made anew: "
        "read it from its beginning"
    )
