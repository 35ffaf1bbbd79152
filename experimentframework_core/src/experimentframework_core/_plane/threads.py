"""The way in for other threads: encoded there, room reserved there, queued on the loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import CancelledError
from threading import Lock
from typing import TYPE_CHECKING, Any

from experimentframework_core._tasks import submit
from experimentframework_core.errors import AckTimeoutError, DataPlaneClosedError
from experimentframework_core.status import Ack, Receipt

if TYPE_CHECKING:
    from concurrent.futures import Future

    import msgspec

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._plane.entrance import Entrance
    from experimentframework_core._plane.routing import Route
    from experimentframework_core.envelope import Record


class Tally:
    """What became of publish calls, as far as the plane itself decides it."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.published = 0
        self.rejected = 0
        self.filtered: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.written = 0


class Doorway:
    """Takes events from any thread but the loop's.

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
        self._lock = Lock()
        self._inbox: list[tuple[Route, Record]] = []
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
        with self._lock:
            if self._closed:
                for channel in route.channels:
                    channel.buffer.cancel_reservation(record)
                raise _closed()
            if not self._scheduled:
                self._wake_loop(route, record)
                self._scheduled = True
            self.tally.published += 1
            self.tally.accepted[route.event_type] += 1
            self._inbox.append((route, record))

    def _wake_loop(self, route: Route, record: Record) -> None:
        try:
            self._loop.call_soon_threadsafe(self.drain)
        except RuntimeError as error:
            for channel in route.channels:
                channel.buffer.cancel_reservation(record)
            raise _loop_gone() from error

    def _wait_for(
        self, route: Route, record: Record, ack: Ack | None, timeout: float | None
    ) -> Receipt:
        with self._lock:
            if self._closed:
                raise _closed()
            future = self._submit(route, record, ack)
        try:
            return future.result(self.longest_wait if timeout is None else timeout)
        except CancelledError:
            raise _loop_gone() from None
        except TimeoutError:
            future.cancel()
            message = f"event {record.event_id}: the loop did not answer in time"
            raise AckTimeoutError(message, event_id=record.event_id) from None

    def _submit(self, route: Route, record: Record, ack: Ack | None) -> Future[Receipt]:
        coroutine = self._count_and_enqueue(route, record, ack)
        try:
            return submit(coroutine, self._loop)
        except RuntimeError as error:
            coroutine.close()
            raise _loop_gone() from error

    async def _count_and_enqueue(self, route: Route, record: Record, ack: Ack | None) -> Receipt:
        with self._lock:
            self.tally.published += 1
            self.tally.rejected += self._closed
        if self._closed:
            raise _closed()
        return await self._entrance.enqueue(route, record, ack)

    def count_written(self) -> None:
        """Count an event that was written into a transaction of the caller's own."""
        with self._lock:
            self.tally.written += 1

    def drain(self) -> None:
        """On the loop: queue what other threads have handed over."""
        with self._lock:
            waiting, self._inbox = self._inbox, []
            self._scheduled = False
        for route, record in waiting:
            for channel in route.channels:
                channel.buffer.append_reserved(record)

    def close_in_child(self) -> None:
        """In a forked child: take nothing, with a lock that no thread of the parent holds."""
        self._lock = Lock()
        self._closed = True

    def close(self) -> None:
        """On the loop: take nothing more, and queue what was handed over."""
        with self._lock:
            self._closed = True
        self.drain()


def _closed() -> DataPlaneClosedError:
    return DataPlaneClosedError("the plane is closed: make a new one")


def _loop_gone() -> DataPlaneClosedError:
    return DataPlaneClosedError("the plane's event loop has ended: make a new plane")
