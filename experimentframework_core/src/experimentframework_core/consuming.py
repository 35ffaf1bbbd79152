"""For who consumes events that may come more than once: each is given once."""

from __future__ import annotations

import time
from collections import deque
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable

HOUR = timedelta(hours=1)
"""For how long an event is remembered, where nothing else is said."""

MOST = 1_000_000
"""How many events are remembered at most, where nothing else is said."""


class Identified(Protocol):
    """What has an event's id: an `Envelope`, a `Record`, or something of the application's."""

    @property
    def event_id(self) -> str:
        """The event's id, the same each time that it comes."""


Event = TypeVar("Event", bound=Identified)


class SeenEvents:
    """The ids of events that were handled, each for a time, in memory.

    An id takes about 150 bytes, however long it is: 1,000,000 take 150 MB. Ids are kept as hashes
    of 128 bits, so that two are never taken for one. Not for use by several threads at once.

    Attributes:
        forgotten: How many ids were forgotten before their time, because there were too many.
    """

    def __init__(
        self,
        window: timedelta = HOUR,
        *,
        most: int = MOST,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember nothing yet.

        Args:
            window: How long an id is remembered, from when it was added.
            most: How many are remembered at most; the oldest go first.
            now: Tells the time, in seconds.

        Raises:
            ValueError: The window or the number is not above 0.
            TypeError: The window is no timedelta, or the number is not whole.
        """
        if not isinstance(window, timedelta) or not isinstance(most, int):
            message = f"window={window!r}, most={most!r}: expected a timedelta and a whole number"
            raise TypeError(message)
        if window <= timedelta(0) or most < 1:
            raise ValueError(f"window={window!r}, most={most!r}: both must be above 0")
        self.forgotten = 0
        self._window = window.total_seconds()
        self._most = most
        self._now = now
        self._known: set[bytes] = set()
        self._in_order: deque[bytes] = deque()
        self._added_at: deque[float] = deque()

    def __contains__(self, event_id: str) -> bool:
        """Return whether an event was handled, not longer ago than the window."""
        self._forget(self._now())
        return _key(event_id) in self._known

    def __len__(self) -> int:
        """Return how many are remembered."""
        self._forget(self._now())
        return len(self._known)

    def add(self, event_id: str) -> bool:
        """Remember an event from now on; return whether it was not remembered before.

        One that is remembered already is so from when it was added first.
        """
        now, key = self._now(), _key(event_id)
        self._forget(now)
        if key in self._known:
            return False
        if len(self._known) == self._most:
            self._forget_oldest()
            self.forgotten += 1
        self._known.add(key)
        self._in_order.append(key)
        self._added_at.append(now)
        return True

    def _forget(self, now: float) -> None:
        while self._added_at and now - self._added_at[0] >= self._window:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._added_at.popleft()
        self._known.remove(self._in_order.popleft())


async def deduplicate(
    events: AsyncIterable[Event],
    *,
    window: timedelta = HOUR,
    most: int = MOST,
    seen: SeenEvents | None = None,
) -> AsyncGenerator[Event, None]:
    """Yield each event once, by its id, however often it comes within a time.

    An event counts as handled when the next one is asked for. So one whose handling fails, with
    an error or a ``break``, is not taken for handled when it comes again. Closing this closes
    ``events``, if they can be closed.

    Args:
        events: What comes, as from `DataPlane.read`.
        window: How long an event is remembered after it was handled.
        most: How many are remembered at most; the oldest go first.
        seen: Where to remember them, to share or keep it; then ``window`` and ``most`` are its.
    """
    remembered = SeenEvents(window, most=most) if seen is None else seen
    try:
        async for event in events:
            if event.event_id not in remembered:
                yield event
                remembered.add(event.event_id)
    finally:
        if (close := getattr(events, "aclose", None)) is not None:
            await close()


def _key(event_id: str) -> bytes:
    if not isinstance(event_id, str):
        raise TypeError(f"{event_id!r} is no event id: expected text")
    return blake2b(event_id.encode(), digest_size=16).digest()
