"""One backplane's bounded buffer, its lanes, and everything that can be asked of them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from experimentframework_core._channel.assembly import assemble
from experimentframework_core._channel.condition import Condition
from experimentframework_core._channel.lane import Lane, OnDelivery, Opener
from experimentframework_core._disk.keeper import UNKNOWN_TYPE
from experimentframework_core._log import logger
from experimentframework_core._rules.breaker import BreakerState
from experimentframework_core._tasks import spawn
from experimentframework_core.errors import (
    BufferFullError,
    DataPlaneClosedError,
)
from experimentframework_core.status import (
    Ack,
    ChannelStatistics,
    FlushResult,
    Health,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experimentframework_core._disk.buffer import DiskBuffer
    from experimentframework_core._rules.batch import Item
    from experimentframework_core.config import ChannelConfig
    from experimentframework_core.deadletter import DeadLetterStore
    from experimentframework_core.envelope import Record

BUFFER_FULL = "buffer_full"
SHUTDOWN = "shutdown"

BLOCKING = ("block", "overflow")
"""Policies by which a publisher waits for room."""

KEEP_GRACE = 2.0
"""Seconds that the disk has at least, at the closing, to take what is not written yet."""

PROBE_PATIENCE = 0.5
"""Seconds that the closing waits for a destination that is down, where events are kept."""

STOP_GRACE = 0.15
"""Seconds that lanes have to end after the closing's deadline cancelled them."""


class Channel:
    """Takes records without blocking and has them delivered, batch by batch.

    Attributes:
        name: The backplane's name.
        buffer: What waits; ``offer`` is its fast way in, and ``offer_awaited`` that of records
            whose publishers wait for an acknowledgement.
        max_event_bytes: Most bytes of one event that it takes.
        closing: What the closing achieved; None before.
    """

    def __init__(
        self,
        config: ChannelConfig,
        *,
        opener: Opener,
        key: Callable[[Record], str],
        dead_letters: DeadLetterStore | None = None,
        draw: Callable[[], float] = random.random,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Hold the parts, on the running loop; `start` opens.

        Args:
            config: The settings.
            opener: Opens one instance of the backplane.
            key: What must stay in order.
            dead_letters: Where refused events go; None drops them.
            draw: Gives the random numbers, 0 to 1, for jitter.
            on_delivery: Called after each delivery, on the loop; it must not raise.
        """
        self.name = config.name
        self.max_event_bytes = config.max_event_bytes
        self.closing: FlushResult | None = None
        self._config = config
        self._clock = asyncio.get_running_loop().time
        parts = assemble(
            config,
            opener=opener,
            key=key,
            dead_letters=dead_letters,
            draw=draw,
            clock=self._clock,
        )
        self.buffer = parts.buffer
        self.offer = parts.buffer.offer
        self.offer_awaited = parts.buffer.offer_awaited
        self._disk = parts.disk
        self._keeper = parts.keeper
        self._ledger = parts.ledger
        self._breaker = parts.breaker
        self._warnings = parts.warnings
        self._lanes = parts.lanes
        for lane in self._lanes:
            lane.on_delivery = on_delivery
        self._condition = Condition(parts, self._clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    @property
    def is_durable(self) -> bool:
        """Whether what is taken can be on disk before it is delivered."""
        return self._keeper is not None

    async def open(self) -> None:
        """Open the journal, if there is one, and take over what it holds.

        Raises:
            JournalError: It cannot be used.
        """
        if self._keeper is not None:
            await self._keeper.open()

    def start(self) -> None:
        """Start the lanes; they open their backplanes in the background."""
        if self._keeper is not None:
            self._keeper.start()
        self._tasks = [spawn(lane.run(), name=lane.name) for lane in self._lanes]
        self._condition.started = True

    def takes(self, event_type: str) -> bool:
        """Return whether events of that type go here."""
        return self._config.events is None or event_type in self._config.events

    def put_nowait(self, record: Record) -> str | None:
        """Apply the policy to a record that ``offer`` refused.

        Returns:
            None when the record is in the buffer now; else the reason why it was dropped.

        Raises:
            BufferFullError: The policy is ``block``.
        """
        policy = self._config.buffer.when_full
        if policy in BLOCKING:
            raise self._full("the policy is to block, which publish_nowait cannot do")
        if policy == "dropOldest" and self.buffer.can_make_room(record):
            while (oldest := self.buffer.evict()) is not None:
                self._ledger.evicted(oldest, BUFFER_FULL)
                if self.buffer.offer(record):
                    return None
        self._ledger.refuse(record, BUFFER_FULL)
        self._warnings.warning(
            "experimentframework.buffer_full", backplane=self.name, when_full=policy
        )
        return BUFFER_FULL

    async def put(self, record: Record) -> str | None:
        """Apply the policy to a record that ``offer`` refused, waiting where that is the policy.

        Returns:
            None when the record is in the buffer now; else the reason why it was dropped.

        Raises:
            BufferFullError: No room came within ``blockTimeoutMs``.
            DataPlaneClosedError: The channel closed meanwhile.
        """
        if self._config.buffer.when_full not in BLOCKING and not self._commits_soon:
            return self.put_nowait(record)
        if not self.buffer.fits(record):
            raise self._full(f"an event of {len(record.body)} bytes never fits")
        if self._closing:
            raise self._closed()
        timeout = self._config.buffer.block_timeout_ms / 1000
        admitted = self._ledger.room_for(record)
        try:
            await asyncio.wait((admitted,), timeout=timeout)
        except asyncio.CancelledError:
            if not _is_in(admitted):
                raise
            # The record got in first: say so, and let the cancellation come at the next await.
            if task := asyncio.current_task():
                task.cancel()
        finally:
            admitted.cancel()
            # It may have been too large for the room there is; those behind it may not be.
            self._ledger.admit()
        if admitted.cancelled():
            raise self._full(f"no room came within {timeout:g} s")
        return admitted.result()

    @property
    def _commits_soon(self) -> bool:
        """Whether room comes with the next commit: not what the policy is for."""
        return self.buffer.congested and self._keeper is not None and self._keeper.error is None

    def _full(self, why: str) -> BufferFullError:
        limits = f"{self.buffer.max_events} events, {self.buffer.max_bytes} bytes"
        message = f"the buffer of backplane {self.name!r} is full ({limits}): {why}"
        return BufferFullError(message, backplane=self.name)

    def _closed(self) -> DataPlaneClosedError:
        message = f"the plane closed while backplane {self.name!r} had no room"
        return DataPlaneClosedError(message)

    def refuse(self, record: Record) -> None:
        """Count a record that others took and this channel could not."""
        self._ledger.refuse(record, BUFFER_FULL)

    def ack(self, event_id: str) -> asyncio.Future[None]:
        """Return a future that ends when that event is delivered, or with its DeliveryError."""
        return self._ledger.ack(event_id)

    def promise(self, ack: Ack, record: Record, event_id: str) -> asyncio.Future[None]:
        """Return a future that ends when the record is on disk, or its event delivered."""
        if ack == "durable":
            return self._ledger.write_of(record)
        return self._ledger.ack(event_id)

    def forget(self, record: Record, future: asyncio.Future[None]) -> None:
        """Nobody waits for what `ack` or `promise` returned any longer."""
        self._ledger.forget(record, future)

    def want(self, ack: Ack) -> None:
        """Have what was taken so far written to disk soon, where that is what ``ack`` asks for."""
        if ack == "durable" and self._disk is not None:
            self._disk.want_written()

    def given(self) -> tuple[int, ...]:
        """Return how many records each lane was given so far: a mark for `settled`."""
        return tuple(queue.appended for queue in self.buffer.queues)

    def settled(self, given: tuple[int, ...]) -> bool:
        """Return whether all that was given by then has met its fate; only until it closes."""
        lanes = zip(self._lanes, given, strict=True)
        return all(lane.settled_below >= number for lane, number in lanes)

    async def flush(self, timeout: float | None) -> FlushResult:
        """Deliver what was accepted before the call; wait at most ``timeout`` seconds."""
        delivered = self._ledger.delivered.total()
        last = 0 if self._disk is None else self._disk.last
        fences = [lane.fence() for lane in self._lanes]
        try:
            _, late = await asyncio.wait([future for _, future in fences], timeout=timeout)
            remaining = self._unsettled(last, [below for below, _ in fences]) if late else 0
        finally:
            for _, future in fences:
                future.cancel()
        return FlushResult(self._ledger.delivered.total() - delivered, remaining, bool(late))

    def _unsettled(self, last: int, below: Sequence[int]) -> int:
        if self._disk is not None:
            return self._disk.unsettled(last)
        return sum(map(Lane.unsettled, self._lanes, below))

    async def ping(self) -> None:
        """Return if the destination answers on every lane; else raise DeliveryError."""
        for lane in self._lanes:
            await lane.ping()

    async def close(self, timeout: float) -> FlushResult:
        """Drain for at most ``timeout`` seconds, end the lanes, and say what became of the rest.

        A buffer in memory loses what is left; one on disk keeps it for the next process, and does
        not wait for a destination that is down. When this is cancelled, the draining ends there;
        `closing` says what was achieved.
        """
        delivered = self._ledger.delivered.total()
        deadline = self._clock() + timeout
        self._closing = True
        self._ledger.turn_away(self._closed())
        for lane in self._lanes:
            lane.stop(deadline)
        if self._keeper is not None and self._breaker.state is not BreakerState.CLOSED:
            timeout = min(timeout, PROBE_PATIENCE)
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=timeout)
        finally:
            timed_out = not all(task.done() for task in self._tasks)
            await self._cancel()
            left = [item for lane in self._lanes for item in lane.leave()]
            kept = 0
            if self._keeper is not None and self._disk is not None:
                # What is left of the time is the disk's: one large commit may need it.
                await self._keeper.close(max(KEEP_GRACE, deadline - self._clock()))
                left = self._disk.leave_unwritten()
            self._write_off(left)
            remaining = len(left) + self.buffer.events
            if self._keeper is not None and self._disk is not None:
                kept = self._keep(self._disk, gone=self._keeper.gone)
            settled = self._ledger.delivered.total() - delivered
            self.closing = FlushResult(settled, remaining, timed_out, kept)
        return self.closing

    async def _cancel(self) -> None:
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if not running:
            return
        _, stuck = await asyncio.wait(running, timeout=STOP_GRACE)
        for task in stuck:
            logger.error("experimentframework.task_abandoned", task=task.get_name())

    def _write_off(self, left: Sequence[Item]) -> None:
        if left:
            self._ledger.drop(left, SHUTDOWN)
            logger.error("experimentframework.events_lost", backplane=self.name, count=len(left))

    def _keep(self, disk: DiskBuffer, *, gone: bool) -> int:
        kept = disk.hand_over()
        if gone:
            self._ledger.dropped[SHUTDOWN, UNKNOWN_TYPE] += kept
            logger.error("experimentframework.events_lost", backplane=self.name, count=kept)
            kept = 0
        self._condition.handed_over += kept
        self._ledger.hand_over(
            f"the plane closed; what backplane {self.name!r} did not take is kept on disk"
        )
        if kept:
            logger.debug("experimentframework.events_kept", backplane=self.name, count=kept)
        return kept

    def statistics(self) -> ChannelStatistics:
        """Return the fates of this channel's events so far."""
        return self._condition.statistics()

    def health(self) -> Health:
        """Return how the channel fares, from what it has seen; nothing is sent."""
        return self._condition.health()


def _is_in(admitted: asyncio.Future[None]) -> bool:
    return admitted.done() and not admitted.cancelled() and admitted.exception() is None


async def close_all(channels: Iterable[Channel], timeout: float) -> None:
    """Close the channels side by side, all by the same deadline; see `Channel.closing`."""
    await asyncio.gather(*(channel.close(timeout) for channel in channels))


async def flush_all(channels: Iterable[Channel], timeout: float | None) -> list[FlushResult]:
    """Flush the channels side by side, all by the same deadline."""
    return await asyncio.gather(*(channel.flush(timeout) for channel in channels))
