"""What a plane says of itself: its channels' and its own counts and health, put together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from experimentframework_core.status import FlushResult, Health, HealthStatus, Statistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._plane.routing import Route
    from experimentframework_core._plane.threads import Tally

_severity = {HealthStatus.HEALTHY: 0, HealthStatus.DEGRADED: 1, HealthStatus.UNHEALTHY: 2}


def health_of(channels: Iterable[Channel]) -> Health:
    """Return the worst channel's judgement, with every channel's own beneath it."""
    found = {channel.name: channel.health() for channel in channels}
    worst = max(found.values(), key=lambda health: _severity[health.status])
    troubled = {name: each for name, each in found.items() if each.status == worst.status}
    description = "; ".join(f"{name}: {each.description}" for name, each in troubled.items())
    return Health(worst.status, description, found)


def statistics_of(
    here: Tally, there: Tally, routes: Iterable[Route], channels: Iterable[Channel]
) -> Statistics:
    """Return the fates of all events.

    Args:
        here: The counts of the loop's thread, but for those that the routes count.
        there: The counts of the other threads.
        routes: The routes, which count what was accepted on the loop's thread.
        channels: The channels.
    """
    by_type: Counter[str] = Counter(dict(there.accepted))
    for route in routes:
        by_type[route.event_type] += route.accepted
    return Statistics(
        published=here.published + there.published,
        filtered=dict(Counter(dict(here.filtered)) + Counter(dict(there.filtered))),
        rejected=here.rejected + there.rejected,
        accepted=by_type.total(),
        accepted_by_type={name: count for name, count in by_type.items() if count},
        written_in_transaction=there.written,
        backplanes={channel.name: channel.statistics() for channel in channels},
    )


def sum_of(results: Sequence[FlushResult]) -> FlushResult:
    """Return what several channels achieved together."""
    return FlushResult(
        delivered=sum(result.delivered for result in results),
        remaining=sum(result.remaining for result in results),
        timed_out=any(result.timed_out for result in results),
        kept=sum(result.kept for result in results),
    )
