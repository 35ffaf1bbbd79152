"""What a data plane tells: receipts, flush results, statistics, health."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

Ack = Literal["accepted", "durable", "delivered"]
"""What ``publish`` waits for: the buffer, the disk, or the destination's confirmation."""


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of one ``publish``.

    Attributes:
        event_id: The event's id; None when it was filtered before it got one.
        status: The level that was reached, or ``dropped`` (no room, by policy), ``filtered``
            (a toggle, sampling, or no backplane takes the type) or ``written`` (into a transaction
            of the caller's own, which is the caller's to commit).
        reason: Why it was dropped or filtered; None otherwise.
    """

    event_id: str | None
    status: Literal["accepted", "durable", "delivered", "dropped", "filtered", "written"]
    reason: str | None = None


class FlushResult(msgspec.Struct, frozen=True):
    """What a flush, or the closing of a plane, achieved.

    Attributes:
        delivered: Events that were confirmed while it ran.
        remaining: Events accepted before the call that are not settled yet.
        timed_out: Whether the time ran out before they were.
        kept: How many of ``remaining`` a disk buffer keeps for the next process, when a plane
            closes; the others are lost.
    """

    delivered: int
    remaining: int
    timed_out: bool
    kept: int = 0


class TypeStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The fates of one event type's events at one backplane, since the plane was opened.

    Attributes:
        delivered: Confirmed by the backplane.
        dead_lettered: Written to the dead-letter store.
        dropped: Lost by policy, by reason.
        expired: Older than ``retry.maxAgeMs``.
    """

    delivered: int = 0
    dead_lettered: int = 0
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    expired: int = 0


class ChannelStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The fates of the events of one backplane, since the plane was opened.

    ``enqueued + recovered == delivered + dead_lettered + sum(dropped) + expired + handed_over +
    buffered`` holds at any time.

    Attributes:
        enqueued: Taken into the buffer, or refused by it (then counted in ``dropped``).
        recovered: Found in a journal when it was opened or adopted: left by an earlier process.
        delivered: Confirmed by the backplane, or by the one that a reload put into its place.
        dead_lettered: Written to the dead-letter store.
        dropped: Lost by policy, by reason.
        expired: Older than ``retry.maxAgeMs``.
        handed_over: Kept on disk for the next process when the plane closed.
        buffered: In the buffer or in flight.
        buffered_bytes: The same in bytes: body + 400 each.
        oldest_age: Seconds since the oldest buffered event was accepted; 0.0 when empty.
        retried: Records that were offered again, counted each time.
        batches: Deliveries attempted.
        max_events: Most events that the buffer takes.
        max_bytes: Most bytes that the buffer takes.
        by_type: ``delivered``, ``dead_lettered``, ``dropped`` and ``expired`` by event type.
    """

    enqueued: int = 0
    recovered: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    expired: int = 0
    handed_over: int = 0
    buffered: int = 0
    buffered_bytes: int = 0
    oldest_age: float = 0.0
    retried: int = 0
    batches: int = 0
    max_events: int = 0
    max_bytes: int = 0
    by_type: dict[str, TypeStatistics] = msgspec.field(default_factory=dict)


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The fates of all events given to a plane, since it was opened.

    ``published == sum(filtered) + rejected + accepted`` holds whenever no publish is waiting.

    Attributes:
        published: Calls of publish in all its forms.
        filtered: Not wanted, by reason: ``toggle``, ``sampled``, ``unrouted``, ``repeat`` (an
            exposure that the subject had before), ``noSubject`` (of nobody, at ``@exposure``).
        rejected: Raised at the caller.
        accepted: Offered to the channels; what became of them is in ``backplanes``.
        accepted_by_type: ``accepted`` by event type.
        written_in_transaction: Written into a transaction of the caller's own, as by SQL Server's
            ``publish_in``; whether it was committed is not known here. Not in ``published``.
        subject_failures: Requests whose subject ``SubjectMiddleware`` could not find out. Not in
            ``published``.
        backplanes: Each channel's own count, by the backplane's name.
    """

    published: int = 0
    filtered: dict[str, int] = msgspec.field(default_factory=dict)
    rejected: int = 0
    accepted: int = 0
    accepted_by_type: dict[str, int] = msgspec.field(default_factory=dict)
    written_in_transaction: int = 0
    subject_failures: int = 0
    backplanes: dict[str, ChannelStatistics] = msgspec.field(default_factory=dict)


class ReloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did to the backplanes, by their names.

    Attributes:
        kept: Those whose settings are the same: their deliveries were not touched.
        replaced: Those with other settings: what was accepted before is delivered first.
        added: Those that were not there.
        removed: Those that are not there any more: what was accepted for them is still delivered,
            within ``shutdownTimeoutMs``.
    """

    kept: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class RefusedReload(msgspec.Struct, frozen=True):
    """A configuration that was not taken; the one before goes on.

    Attributes:
        problem: Its first problem, with file and line where it comes from a file.
        at: When, in UTC.
    """

    problem: str
    at: datetime


class HealthStatus(StrEnum):
    """How well a plane or backplane does its work."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Health(msgspec.Struct, frozen=True):
    """A judgement with its reasons.

    Attributes:
        status: healthy, degraded (works, with trouble) or unhealthy (does not deliver).
        description: One sentence for a person.
        diagnostics: Facts by name; of a plane: each backplane's facts by the backplane's name.
        refused_reload: Of a plane: the last reload, if it was refused; None otherwise.
    """

    status: HealthStatus
    description: str
    diagnostics: dict[str, Any] = msgspec.field(default_factory=dict)
    refused_reload: RefusedReload | None = None
