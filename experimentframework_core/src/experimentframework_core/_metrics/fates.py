"""From statistics and health to measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._disk.keeper import DAMAGED, UNKNOWN_TYPE
from experimentframework_core._metrics import table
from experimentframework_core._metrics.measurement import Measurement
from experimentframework_core.status import HealthStatus, TypeStatistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.status import (
        ChannelStatistics,
        Health,
        Statistics,
    )

REASONS = ("buffer_full", "refused", "attempts", "plugin_error", "shutdown", "removed")
"""Why events are dropped: counters begin at 0, so that a first rise is seen."""

REASONS_WITHOUT_TYPE = (DAMAGED, "shutdown")
"""Why events are dropped whose type nobody knows: they are on a disk that cannot be read."""

FILTERS = ("toggle", "sampled", "unrouted")

NONE = TypeStatistics()

LEVELS = {HealthStatus.UNHEALTHY: 0, HealthStatus.DEGRADED: 1, HealthStatus.HEALTHY: 2}


def measured(statistics: Statistics, health: Health) -> Iterator[Measurement]:
    """Yield what a plane's statistics and health say; histograms are kept elsewhere."""
    yield Measurement(table.PUBLISHED, (), statistics.published)
    yield Measurement(table.REJECTED, (), statistics.rejected)
    yield Measurement(table.SUBJECT_FAILURES, (), statistics.subject_failures)
    for event_type, count in statistics.accepted_by_type.items():
        yield Measurement(table.ACCEPTED, (event_type,), count)
    for reason in {*FILTERS, *statistics.filtered}:
        yield Measurement(table.FILTERED, (reason,), statistics.filtered.get(reason, 0))
    for name, channel in statistics.backplanes.items():
        yield from _of_channel(name, channel)
        for event_type in {*statistics.accepted_by_type, *channel.by_type}:
            yield from _of_type(name, event_type, channel.by_type.get(event_type, NONE))
    for name, judged in health.diagnostics.items():
        yield Measurement(table.HEALTH, (name,), LEVELS[judged.status])


def _of_channel(name: str, channel: ChannelStatistics) -> Iterator[Measurement]:
    for metric, value in (
        (table.RETRIED, channel.retried),
        (table.RECOVERED, channel.recovered),
        (table.BUFFERED, channel.buffered),
        (table.BUFFERED_BYTES, channel.buffered_bytes),
        (table.MOST_EVENTS, channel.max_events),
        (table.MOST_BYTES, channel.max_bytes),
        (table.OLDEST_AGE, channel.oldest_age),
    ):
        yield Measurement(metric, (name,), value)
    if UNKNOWN_TYPE not in channel.by_type:
        for reason in REASONS_WITHOUT_TYPE:
            yield Measurement(table.DROPPED, (name, UNKNOWN_TYPE, reason), 0)


def _of_type(name: str, event_type: str, fates: TypeStatistics) -> Iterator[Measurement]:
    for metric, value in (
        (table.DELIVERED, fates.delivered),
        (table.DEAD_LETTERED, fates.dead_lettered),
        (table.EXPIRED, fates.expired),
    ):
        yield Measurement(metric, (name, event_type), value)
    reasons = REASONS_WITHOUT_TYPE if event_type == UNKNOWN_TYPE else REASONS
    for reason in {*reasons, *fates.dropped}:
        yield Measurement(table.DROPPED, (name, event_type, reason), fates.dropped.get(reason, 0))
