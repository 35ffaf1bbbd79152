"""What a channel tells of itself: the fates of its events, and how it fares."""

from __future__ import annotations

from collections import Counter, defaultdict
from threading import get_ident
from typing import TYPE_CHECKING, Any

from experimentframework_core._disk.keeper import UNKNOWN_TYPE
from experimentframework_core._log import brief, text_of
from experimentframework_core._rules.breaker import BreakerState
from experimentframework_core.errors import UnavailableError
from experimentframework_core.events import event_type_named
from experimentframework_core.status import (
    ChannelStatistics,
    Health,
    HealthStatus,
    TypeStatistics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from experimentframework_core._channel.assembly import Parts
    from experimentframework_core._channel.ledger import Ledger

UNREGISTERED = "(unregistered)"
"""Envelopes name their type themselves; all names that are not registered are counted as one."""


class Condition:
    """Looks at a channel's parts, from any thread; nothing is sent, nothing is waited for.

    Attributes:
        started: Whether the lanes work.
        handed_over: How many events a closing has left on disk.
    """

    def __init__(self, parts: Parts, clock: Callable[[], float]) -> None:
        """Look at ``parts``, by the channel's ``clock``."""
        self.started = False
        self.handed_over = 0
        self._parts = parts
        self._clock = clock
        self._thread = get_ident()

    def look_at(self, parts: Parts) -> None:
        """Look at other parts from now on."""
        self._parts = parts

    def statistics(self) -> ChannelStatistics:
        """Return the fates of the channel's events so far."""
        ledger, buffer, disk = self._parts.ledger, self._parts.buffer, self._parts.disk
        return ChannelStatistics(
            enqueued=buffer.enqueued + ledger.refused,
            recovered=0 if disk is None else disk.recovered,
            delivered=ledger.delivered.total(),
            dead_lettered=ledger.dead_lettered.total(),
            dropped=ledger.dropped_by_reason(),
            expired=ledger.expired.total(),
            handed_over=self.handed_over,
            buffered=buffer.events,
            buffered_bytes=buffer.bytes,
            oldest_age=self._oldest_age(),
            retried=ledger.retried,
            batches=ledger.batches,
            max_events=buffer.max_events,
            max_bytes=buffer.max_bytes,
            by_type=_by_type(ledger),
        )

    def _oldest_age(self) -> float:
        if not self._parts.buffer.events:
            return 0.0
        now = self._clock()
        here = get_ident() == self._thread
        oldest = [lane.oldest(now, mark=here) for lane in self._parts.lanes]
        times = [time for time in oldest if time is not None]
        return max(0.0, now - min(times, default=now))

    def health(self) -> Health:
        """Return how the channel fares."""
        errors = [lane.error for lane in self._parts.lanes if lane.error is not None]
        status, description = self._judge(errors)
        return Health(status, description, self._diagnostics(errors))

    def _judge(self, errors: Sequence[BaseException]) -> tuple[HealthStatus, str]:
        if (why := self._hindrance(errors)) is not None:
            return HealthStatus.UNHEALTHY, why
        if (why := self._trouble(errors)) is not None:
            return HealthStatus.DEGRADED, why
        return HealthStatus.HEALTHY, "delivers"

    def _hindrance(self, errors: Sequence[BaseException]) -> str | None:
        """Return what keeps events from meeting their fate; None when it is nothing lasting."""
        if self._parts.letters.error is not None:
            return f"dead letters cannot be written: {text_of(self._parts.letters.error)}"
        unavailable = next((e for e in errors if isinstance(e, UnavailableError)), None)
        if unavailable is not None:
            return f"the destination refuses us: {text_of(unavailable)}"
        if self._parts.breaker.state is not BreakerState.CLOSED:
            return f"the destination is down: {_first(errors)}"
        return None

    def _trouble(self, errors: Sequence[BaseException]) -> str | None:
        """Return what is wrong although events are delivered, or soon will be."""
        keeper = self._parts.keeper
        if errors:
            return f"deliveries fail: {_first(errors)}"
        if keeper is not None and keeper.error is not None:
            return f"the journal cannot be used: {brief(keeper.error)}"
        if self.started and not all(lane.is_open for lane in self._parts.lanes):
            return "not open yet"
        if self._parts.buffer.crowded:
            return "the buffer is more than half full"
        return None

    def _diagnostics(self, errors: Sequence[BaseException]) -> dict[str, Any]:
        parts = self._parts
        delivered_at = [lane.delivered_at for lane in parts.lanes if lane.delivered_at is not None]
        return {
            "breaker": parts.breaker.state.value,
            "buffered": parts.buffer.events,
            "buffered_bytes": parts.buffer.bytes,
            "dead_letters": getattr(parts.store, "location", None),
            "last_error": _first(errors),
            "seconds_since_delivery": self._clock() - max(delivered_at) if delivered_at else None,
            "abandoned_calls": sum(lane.abandoned for lane in parts.lanes),
            "journal": None if parts.keeper is None else parts.keeper.diagnostics(),
        }


def _by_type(ledger: Ledger) -> dict[str, TypeStatistics]:
    """Return the fates by event type; copies are counted, as the loop's thread goes on."""
    delivered = _by_name(ledger.delivered)
    dead_lettered = _by_name(ledger.dead_lettered)
    expired = _by_name(ledger.expired)
    dropped: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (reason, name), count in dict(ledger.dropped).items():
        dropped[_registered(name)][reason] += count
    return {
        name: TypeStatistics(
            delivered=delivered[name],
            dead_lettered=dead_lettered[name],
            dropped=dict(dropped[name]),
            expired=expired[name],
        )
        for name in sorted({*delivered, *dead_lettered, *expired, *dropped})
    }


def _by_name(counts: Counter[str]) -> Counter[str]:
    named: Counter[str] = Counter()
    for name, count in dict(counts).items():
        named[_registered(name)] += count
    return named


def _registered(name: str) -> str:
    return name if name == UNKNOWN_TYPE or event_type_named(name) else UNREGISTERED


def _first(errors: Sequence[BaseException]) -> str | None:
    return f"{type(errors[0]).__name__}: {text_of(errors[0])}" if errors else None
