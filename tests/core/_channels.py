"""Parts for tests of channels: small records, settings, a dead-letter store in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._rules.batch import Item
from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    ChannelConfig,
    DataPlaneOptions,
    RetryOptions,
    effective,
)
from experimentframework_core.envelope import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experimentframework_core.deadletter import DeadLetter
    from experimentframework_core.status import ChannelStatistics


def make(name: object, key: str = "checkout", *, size: int = 60) -> Record:
    """Return a record whose event id is ``name``, with a body of ``size`` bytes."""
    head = f'{{"eventId":"{name}","timestamp":"'
    return Record(head.encode().ljust(size, b"-"), "exposure", "1.0.0", experiment=key)


def make_many(names: Iterable[object], key: str = "checkout") -> list[Record]:
    """Return a record of each name."""
    return [make(name, key) for name in names]


def items(records: Iterable[Record]) -> list[Item]:
    """Return the records as items, numbered from 0."""
    return [Item(record, number, 0.0) for number, record in enumerate(records)]


def ids(records: Iterable[Record]) -> list[str]:
    """Return the event ids."""
    return [record.event_id for record in records]


def key_of(record: Record) -> str:
    """Return what keeps its order: the experiment."""
    return record.experiment or record.event_id


def configure(
    *,
    buffer: dict[str, Any] | None = None,
    retry: dict[str, Any] | None = None,
    breaker: dict[str, Any] | None = None,
    node: BackplaneOptions | None = None,
    **settings: Any,
) -> ChannelConfig:
    """Return the settings of a channel: the defaults, but for what is given."""
    options = DataPlaneOptions(
        buffer=BufferOptions(**(buffer or {})),
        retry=RetryOptions(**(retry or {})),
        breaker=BreakerOptions(**(breaker or {})),
        **settings,
    )
    return effective(options, node or BackplaneOptions(type="faulty"))


def is_balanced(statistics: ChannelStatistics) -> bool:
    """Tell whether every event has exactly one fate, or is still buffered."""
    fates = (
        statistics.delivered
        + statistics.dead_lettered
        + sum(statistics.dropped.values())
        + statistics.expired
        + statistics.handed_over
    )
    return statistics.enqueued + statistics.recovered == fates + statistics.buffered


def is_by_type(statistics: ChannelStatistics) -> bool:
    """Tell whether the fates by event type add up to the fates of all."""
    fates = statistics.by_type.values()
    return (
        statistics.delivered == sum(each.delivered for each in fates)
        and statistics.dead_lettered == sum(each.dead_lettered for each in fates)
        and statistics.expired == sum(each.expired for each in fates)
        and sum(statistics.dropped.values()) == sum(sum(each.dropped.values()) for each in fates)
    )


class LettersInMemory:
    """A dead-letter store that keeps its letters in a list, and fails as long as it is told to."""

    location = "memory"

    def __init__(self) -> None:
        """Begin empty and well."""
        self.letters: list[DeadLetter] = []
        self.failure: Exception | None = None
        self.attempts = 0

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep the letters, or raise the failure."""
        self.attempts += 1
        if self.failure is not None:
            raise self.failure
        self.letters.extend(letters)

    async def count(self) -> int:
        """Return how many letters there are."""
        return len(self.letters)

    async def aclose(self) -> None:
        """Do nothing."""
