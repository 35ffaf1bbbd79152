"""What a plane says of itself: its channels' and its own counts and health, put together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import asdict

from experimentframework_core.status import (
    ChannelStatistics,
    FlushResult,
    Health,
    HealthStatus,
    RefusedReload,
    Statistics,
    TypeStatistics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._plane.routing import Router
    from experimentframework_core._plane.threads import Tally

_State: TypeAlias = "tuple[dict[str, ChannelStatistics], Channel | None]"
"""The counts, and a channel among them that may also be among those in use."""

_severity = {HealthStatus.HEALTHY: 0, HealthStatus.DEGRADED: 1, HealthStatus.UNHEALTHY: 2}


def health_of(found: dict[str, Health], refused: RefusedReload | None) -> Health:
    """Return the worst backplane's judgement, with every backplane's own beneath it.

    With a reload refused it is degraded at best: it does not do what it is told to.
    """
    worst = max(found.values(), key=lambda health: _severity[health.status])
    troubled = {name: each for name, each in found.items() if each.status == worst.status}
    description = "; ".join(f"{name}: {each.description}" for name, each in troubled.items())
    status = worst.status
    if refused is not None:
        description += f"; the reload of {refused.at:%Y-%m-%dT%H:%M:%SZ} was refused"
        description += f", the configuration before goes on: {refused.problem}"
        status = HealthStatus.DEGRADED if status is HealthStatus.HEALTHY else status
    return Health(status, description, found, refused)


class Ended:
    """The counts of channels that a reload has closed, by the backplane's name."""

    def __init__(self) -> None:
        """Begin with none."""
        self._state: _State = ({}, None)

    def add(self, channel: Channel, *, remove: Callable[[], object]) -> None:
        """Take over the counts of a channel that is closed.

        Args:
            channel: The channel.
            remove: Removes it from those in use.
        """
        counts, _ = self._state
        counts = _with(counts, [channel])
        self._state = counts, channel
        remove()
        self._state = counts, None

    def with_those_of(
        self, channels: Callable[[], Iterable[Channel]]
    ) -> dict[str, ChannelStatistics]:
        """Return these and those of the channels in use, added up for each name."""
        while True:
            state = counts, taken_over = self._state
            found = _with(counts, [each for each in channels() if each is not taken_over])
            if self._state is state:
                return found


def _with(
    counts: dict[str, ChannelStatistics], channels: Iterable[Channel]
) -> dict[str, ChannelStatistics]:
    counts = dict(counts)
    for channel in channels:
        found = channel.statistics()
        before = counts.get(channel.name)
        counts[channel.name] = found if before is None else _added(before, found)
    return counts


def _added(one: ChannelStatistics, other: ChannelStatistics) -> ChannelStatistics:
    found = asdict(other)
    summed = {name: value + found[name] for name, value in asdict(one).items() if name not in _odd}
    return ChannelStatistics(
        **summed,
        dropped=dict(Counter(one.dropped) + Counter(other.dropped)),
        oldest_age=max(one.oldest_age, other.oldest_age),
        max_events=other.max_events,
        max_bytes=other.max_bytes,
        by_type=_types_added(one.by_type, other.by_type),
    )


def _types_added(
    one: dict[str, TypeStatistics], other: dict[str, TypeStatistics]
) -> dict[str, TypeStatistics]:
    nothing = TypeStatistics()
    pairs = {
        name: (one.get(name, nothing), other.get(name, nothing)) for name in sorted({*one, *other})
    }
    return {
        name: TypeStatistics(
            delivered=first.delivered + second.delivered,
            dead_lettered=first.dead_lettered + second.dead_lettered,
            dropped=dict(Counter(first.dropped) + Counter(second.dropped)),
            expired=first.expired + second.expired,
        )
        for name, (first, second) in pairs.items()
    }


_odd = ("dropped", "oldest_age", "max_events", "max_bytes", "by_type")
"""The counts that are not simply added."""


def statistics_of(
    here: Tally,
    there: Tally,
    router: Router,
    backplanes: dict[str, ChannelStatistics],
) -> Statistics:
    """Return the fates of all events.

    Args:
        here: The counts of the loop's thread, but for those that the routes count.
        there: The counts of the other threads.
        router: Its routes count what was accepted on the loop's thread.
        backplanes: The counts of the channels, by the backplane's name.
    """
    elsewhere = Counter(dict(here.accepted)) + Counter(dict(there.accepted))
    by_type = router.taken() + elsewhere
    return Statistics(
        published=here.published + there.published,
        filtered=dict(Counter(dict(here.filtered)) + Counter(dict(there.filtered))),
        rejected=here.rejected + there.rejected,
        accepted=by_type.total(),
        accepted_by_type=dict(by_type),
        written_in_transaction=there.written,
        backplanes=backplanes,
    )


def sum_of(results: Sequence[FlushResult]) -> FlushResult:
    """Return what several channels achieved together."""
    return FlushResult(
        delivered=sum(result.delivered for result in results),
        remaining=sum(result.remaining for result in results),
        timed_out=any(result.timed_out for result in results),
        kept=sum(result.kept for result in results),
    )
