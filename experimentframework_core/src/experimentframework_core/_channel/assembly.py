"""From settings to the parts of a channel: buffer, journal, lanes, and what they share."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core._channel.lane import Lane, Opener
from experimentframework_core._channel.ledger import Ledger
from experimentframework_core._channel.refused import PendingDeadLetters
from experimentframework_core._disk.keeper import Keeper
from experimentframework_core._disk.settings import WINDOW_BATCHES, disk_buffer, is_on_disk, root_of
from experimentframework_core._log import Repeated
from experimentframework_core._rules.batch import BatchRule
from experimentframework_core._rules.breaker import Breaker
from experimentframework_core._rules.buffer import NEVER, Buffer
from experimentframework_core._rules.retry import Backoff
from experimentframework_core._rules.schedule import Schedule
from experimentframework_core.plugin import OpenContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from experimentframework_core._disk.buffer import DiskBuffer
    from experimentframework_core._rules.batch import Item
    from experimentframework_core.config import ChannelConfig
    from experimentframework_core.deadletter import DeadLetterStore
    from experimentframework_core.envelope import Record


class Parts(NamedTuple):
    """What a channel is made of.

    Attributes:
        buffer: What waits, in memory or on disk.
        disk: The same, if it is on disk; else None.
        keeper: Stands between the disk buffer and its journal; None without one.
        ledger: Counts every event's fate.
        letters: Dead letters on their way to the store.
        store: The store; None drops what is refused.
        breaker: Shared by the lanes.
        lanes: Each delivers its part.
        warnings: Where failures are said.
    """

    buffer: Buffer
    disk: DiskBuffer | None
    keeper: Keeper | None
    ledger: Ledger
    letters: PendingDeadLetters
    store: DeadLetterStore | None
    breaker: Breaker
    lanes: list[Lane]
    warnings: Repeated


def assemble(
    config: ChannelConfig,
    *,
    opener: Opener,
    key: Callable[[Record], str],
    dead_letters: DeadLetterStore | None,
    draw: Callable[[], float],
    clock: Callable[[], float],
) -> Parts:
    """Return the parts of a channel; nothing is opened.

    Args:
        config: The channel's settings.
        opener: Opens one instance of the backplane.
        key: What must stay in order.
        dead_letters: Where refused events go; None drops them.
        draw: Gives the random numbers, 0 to 1, for jitter.
        clock: The channel's clock, in seconds.
    """
    disk = disk_buffer(config, key=key, clock=clock) if is_on_disk(config) else None
    buffer = disk or Buffer(
        max_events=config.buffer.max_events,
        max_bytes=config.buffer.max_bytes,
        lanes=config.concurrency,
        key=key,
    )
    warnings = Repeated()
    ledger = Ledger(config.name, buffer)
    letters = PendingDeadLetters(
        config.name,
        dead_letters,
        ledger=ledger,
        timeout=config.delivery_timeout_ms / 1000,
        warnings=warnings,
        origin=config.origin,
    )
    breaker = _breaker(config, draw)
    lanes: list[Lane] = []
    held = partial(_held, lanes)
    keeper = None if disk is None else _keeper(config, disk, ledger, warnings, held)
    parts = Parts(buffer, disk, keeper, ledger, letters, dead_letters, breaker, lanes, warnings)
    _make_lanes(config, parts, opener=opener, key=key, draw=draw)
    return parts


def reassemble(
    parts: Parts,
    config: ChannelConfig,
    *,
    opener: Opener,
    key: Callable[[Record], str],
    dead_letters: DeadLetterStore | None,
    draw: Callable[[], float],
) -> Parts:
    """Return parts that go on with the same buffer and the same counts by other settings.

    The lanes must have ended. There are as many new ones, which take over what those have left.
    """
    parts.letters.redirect(dead_letters)
    parts.letters.origin = config.origin
    ended = tuple(parts.lanes)
    parts.lanes.clear()
    parts = parts._replace(breaker=_breaker(config, draw), store=dead_letters)
    config = msgspec.structs.replace(config, concurrency=len(ended))
    _make_lanes(config, parts, opener=opener, key=key, draw=draw)
    for lane, before in zip(parts.lanes, ended, strict=True):
        lane.take_over(before)
    return parts


def _make_lanes(
    config: ChannelConfig,
    parts: Parts,
    *,
    opener: Opener,
    key: Callable[[Record], str],
    draw: Callable[[], float],
) -> None:
    for index in range(config.concurrency):
        schedule = _schedule(config, parts, index, key=key, draw=draw)
        parts.lanes.append(_lane(config, parts, index, opener=opener, schedule=schedule))


def _breaker(config: ChannelConfig, draw: Callable[[], float]) -> Breaker:
    return Breaker(
        threshold=config.breaker.failure_threshold,
        open_for=config.breaker.open_ms / 1000,
        max_open=config.breaker.max_open_ms / 1000,
        random=draw,
    )


def _keeper(
    config: ChannelConfig,
    disk: DiskBuffer,
    ledger: Ledger,
    warnings: Repeated,
    held: Callable[[], Iterable[Item]],
) -> Keeper:
    return Keeper(
        config.name,
        root_of(config),
        disk,
        ledger=ledger,
        interval=config.buffer.commit_interval_ms / 1000,
        warnings=warnings,
        held=held,
    )


def _held(lanes: Iterable[Lane]) -> Iterable[Item]:
    return chain.from_iterable(lane.held() for lane in lanes)


def _schedule(
    config: ChannelConfig,
    parts: Parts,
    index: int,
    *,
    key: Callable[[Record], str],
    draw: Callable[[], float],
) -> Schedule:
    retry = config.retry
    return Schedule(
        parts.buffer.queues[index],
        rule=BatchRule(
            config.batch_size,
            config.batch_bytes,
            config.flush_interval_ms / 1000,
            *parts.buffer.share(),
        ),
        backoff=Backoff(
            initial=retry.initial_delay_ms / 1000,
            maximum=retry.max_delay_ms / 1000,
            multiplier=retry.multiplier,
            random=draw,
        ),
        breaker=parts.breaker,
        key=key,
        max_attempts=retry.max_attempts,
        max_age=None if retry.max_age_ms is None else retry.max_age_ms / 1000,
        most_parked=NEVER if parts.disk is None else WINDOW_BATCHES * config.batch_size,
    )


def _lane(
    config: ChannelConfig, parts: Parts, index: int, *, opener: Opener, schedule: Schedule
) -> Lane:
    context = OpenContext(
        name=config.name,
        lane=index,
        lanes=config.concurrency,
        delivery_timeout=config.delivery_timeout_ms / 1000,
    )
    return Lane(
        context,
        opener=opener,
        open_timeout=config.open_timeout_ms / 1000,
        queue=parts.buffer.queues[index],
        schedule=schedule,
        ledger=parts.ledger,
        letters=parts.letters,
        warnings=parts.warnings,
    )
