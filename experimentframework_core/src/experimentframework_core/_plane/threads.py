"""The way in for other threads: encoded there, room reserved there, queued on the loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from math import isnan
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias

from experimentframework_core._threadsafe import ThreadsafeCall
from experimentframework_core.errors import AckTimeoutError, DataPlaneClosedError
from experimentframework_core.status import Ack, Receipt

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import msgspec

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._plane.entrance import Entrance
    from experimentframework_core._plane.routing import Route
    from experimentframework_core.envelope import Record

Entry: TypeAlias = "tuple[Route, list[Record]]"
"""An event on its way to the loop; who pops the record has it."""


class Tally:
    """What became of publish calls, as far as the plane itself decides it."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.published = 0
        self.rejected = 0
        # Counted up in one step: a `Counter` calls Python code for a name that is new.
        self.filtered: defaultdict[str, int] = defaultdict(int)
        self.accepted: defaultdict[str, int] = defaultdict(int)
        self.written = 0


class Doorway:
    """Takes events from any thread but the loop's.

    A signal handler or a finaliser may interrupt a thread anywhere in here, publish, and wait for
    the loop. So the loop waits for no thread: what is handed over lies in a deque, and whoever pops
    an entry's record first has it. The lock is for the counts of threads among themselves; nothing
    is called while it is held.

    Attributes:
        tally: The counts of what came through here, apart from those of the loop's thread.
        longest_wait: Seconds that a caller waits at most for the loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        entrance: Entrance,
        *,
        longest_wait: float,
    ) -> None:
        """Hand over to ``loop``.

        Args:
            loop: The plane's loop.
            entrance: Checks and encodes in the calling thread; queues on the loop, waiting as
                policies and acknowledgements want it.
            longest_wait: Seconds that a caller waits at most for the loop.
        """
        self.tally = Tally()
        self._loop = loop
        self._entrance = entrance
        self.longest_wait = longest_wait
        self._lock = RLock()
        self._inbox: deque[Entry] = deque()
        self._scheduled = False
        self._closed = False

    def publish(
        self,
        event: msgspec.Struct,
        ack: Ack | None,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
        timeout: float | None,
    ) -> Receipt:
        """Take an event, as `DataPlane.publish_threadsafe` describes it."""
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001 - documented for frameworks
            message = "publish_threadsafe would block the loop it is called on: await publish()"
            raise RuntimeError(message)
        if timeout is not None:
            _check_timeout(timeout)
        try:
            wanted = ack or self._entrance.default_ack
            admitted = self._entrance.admit(event, correlation_id, metadata, wanted)
        except BaseException:
            with self._lock:
                self.tally.published += 1
                self.tally.rejected += 1
            raise
        if isinstance(admitted, Receipt):
            with self._lock:
                self.tally.published += 1
                self.tally.filtered[admitted.reason or ""] += 1
            return admitted
        route, record = admitted
        if wanted == "accepted" and self._reserve(route, record):
            self._hand_over(route, record)
            return Receipt(record.event_id, "accepted")
        return self._wait_for(route, record, ack, timeout)

    def _reserve(self, route: Route, record: Record) -> bool:
        reserved: list[Channel] = []
        for channel in route.channels:
            if not channel.buffer.reserve(record):
                for other in reserved:
                    other.buffer.cancel_reservation(record)
                return False
            reserved.append(channel)
        return True

    def _hand_over(self, route: Route, record: Record) -> None:
        entry: Entry = (route, [record])
        settled = False
        try:
            self._inbox.append(entry)
            self._wake_loop()
            # Looked at after the appending: what comes behind the last draining is taken back.
            ended = self._loop.is_closed()
            if (ended or self._closed) and self._took_back(entry):
                settled = True
                raise _loop_gone() if ended else _closed()  # noqa: TRY301 - as any other
            with self._lock:
                self.tally.published += 1
                self.tally.accepted[route.event_type] += 1
                settled = True
        except BaseException:
            # A signal handler's: the event is delivered and counted, or neither.
            if not settled and not self._took_back(entry):
                self.tally.published += 1
                self.tally.accepted[route.event_type] += 1
            raise

    def _took_back(self, entry: Entry) -> bool:
        """Return whether the loop has not taken the event, and never will."""
        record = _claim(entry)
        if record is None:
            return False
        for channel in entry[0].channels:
            channel.buffer.cancel_reservation(record)
        return True

    def _wake_loop(self) -> None:
        if self._scheduled or self._closed:
            return
        self._scheduled = True
        try:
            self._loop.call_soon_threadsafe(self.drain)
        except BaseException as error:
            # Also what a signal handler raises: else nobody would wake the loop any more.
            self._scheduled = False
            if not isinstance(error, RuntimeError) or not self._loop.is_closed():
                raise

    def _wait_for(
        self, route: Route, record: Record, ack: Ack | None, timeout: float | None
    ) -> Receipt:
        if self._closed:
            raise _closed()
        begun: list[bool] = []
        call = self._submit(self._count_and_enqueue(route, record, ack, begun))
        if self._closed and not begun:
            # It never will: what begins does so before the closing.
            call.cancel()
            raise _closed()
        if not call.wait(self.longest_wait if timeout is None else timeout):
            call.cancel()
            message = f"event {record.event_id}: the loop did not answer in time"
            raise AckTimeoutError(message, event_id=record.event_id)
        try:
            return call.result()
        except asyncio.CancelledError:
            raise _loop_gone() from None

    def _submit(self, coroutine: Coroutine[Any, Any, Receipt]) -> ThreadsafeCall[Receipt]:
        try:
            return ThreadsafeCall(coroutine, self._loop)
        except RuntimeError as error:
            coroutine.close()
            if self._loop.is_closed():
                raise _loop_gone() from error
            raise

    async def _count_and_enqueue(
        self, route: Route, record: Record, ack: Ack | None, begun: list[bool]
    ) -> Receipt:
        if self._closed:
            raise _closed()
        begun.append(True)
        self._entrance.tally.published += 1
        return await self._entrance.enqueue(route, record, ack)

    def count_written(self) -> None:
        """Count an event that was written into a transaction of the caller's own."""
        with self._lock:
            self.tally.written += 1

    def drain(self) -> None:
        """On the loop: queue what other threads have handed over."""
        self._scheduled = False
        for _ in range(len(self._inbox)):
            entry = self._inbox.popleft()
            record = _claim(entry)
            if record is None:
                continue
            for channel in entry[0].channels:
                channel.buffer.append_reserved(record)

    def close_in_child(self) -> None:
        """In a forked child: take nothing, with a lock that no thread of the parent holds."""
        self._lock = RLock()
        self._closed = True

    def close(self) -> None:
        """On the loop: take nothing more, and queue what was handed over."""
        self._closed = True
        self.drain()


def _claim(entry: Entry) -> Record | None:
    """Return the record of an entry to the first who asks for it, None to the other one."""
    try:
        return entry[1].pop()
    except IndexError:
        return None


def _check_timeout(timeout: float) -> None:
    if not isinstance(timeout, int | float):
        raise TypeError(f"timeout={timeout!r}; expected seconds as a number, or None")
    if isnan(timeout):
        raise ValueError(f"timeout={timeout!r}; expected seconds as a number, or None")


def _closed() -> DataPlaneClosedError:
    return DataPlaneClosedError("the plane is closed: make a new one")


def _loop_gone() -> DataPlaneClosedError:
    return DataPlaneClosedError("the plane's event loop has ended: make a new plane")
