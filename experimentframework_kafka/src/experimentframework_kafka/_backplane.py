"""Opens the type ``kafka``, and says what it keeps in order."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.destinations import owner_of
from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import ChannelSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane, OpenContext
    from experimentframework_kafka._options import KafkaOptions

_BATCH_SIZE = 500


@asynccontextmanager
async def open_kafka(_options: KafkaOptions, context: OpenContext) -> AsyncIterator[Backplane]:
    """Say that nothing is delivered yet.

    Raises:
        UnavailableError: Always.
    """
    raise UnavailableError(
        f"cannot open backplane '{context.name}': this version of experimentframework-kafka "
        "checks the configuration and does not deliver yet; name another type until it does"
    )
    yield


def channel_defaults(options: KafkaOptions) -> ChannelSettings:
    """Return the settings of the channel where nobody says others."""
    return ChannelSettings(batch_size=_BATCH_SIZE, flush_interval_ms=options.linger_ms)


def ordering_key(record: Record, options: KafkaOptions) -> str:
    """Return the message key: what decides the partition, or the event id where there is none."""
    if options.partition_by == "roundRobin":
        return record.event_id
    return owner_of(record, options.partition_by)
