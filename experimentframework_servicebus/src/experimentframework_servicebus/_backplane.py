"""Opens and reads the type ``azureServiceBus``, and says what it keeps in order."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.destinations import owner_of
from experimentframework_core.plugin import ChannelSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core.broker_letters import BrokerDeadLetters
    from experimentframework_core.destinations import Owner
    from experimentframework_core.envelope import Envelope, Record
    from experimentframework_core.plugin import Backplane, OpenContext, Selection
    from experimentframework_servicebus._options import ServiceBusOptions

_BATCH_SIZE = 100


@asynccontextmanager
async def open_service_bus(
    options: ServiceBusOptions, context: OpenContext
) -> AsyncIterator[Backplane]:
    """Yield a backplane that has found its queue or topic.

    Where each type has its own, they are looked for when the first event goes there.

    Raises:
        TransientError: The service does not answer.
        UnavailableError: It refuses us, or the queue or topic is missing.
    """
    from experimentframework_servicebus._connection.client import open_client
    from experimentframework_servicebus._sending.backplane import ServiceBusBackplane

    async with open_client(options) as client:
        backplane = ServiceBusBackplane(options, client, context.delivery_timeout)
        try:
            await backplane.start()
            yield backplane
        finally:
            await backplane.close()


def read_service_bus(options: ServiceBusOptions, selection: Selection) -> AsyncIterator[Envelope]:
    """Return a reader of the selected events.

    Raises:
        ReplayError: The selection's checkpoint is not one of this reader's.
        ConfigurationError: A topic keeps none, and no subscription is named.
    """
    from experimentframework_servicebus._reading.reader import ServiceBusReader

    return ServiceBusReader(options, selection)


@asynccontextmanager
async def open_dead_letters(options: ServiceBusOptions) -> AsyncIterator[BrokerDeadLetters]:
    """Yield the dead letters of the queues or subscriptions.

    Raises:
        ConfigurationError: A topic keeps none, and no subscription is named.
    """
    from experimentframework_servicebus._connection.calls import Calls
    from experimentframework_servicebus._connection.client import open_client
    from experimentframework_servicebus._letters.dead_letters import ServiceBusDeadLetters
    from experimentframework_servicebus._namespace.entities import require_subscription

    require_subscription(options, "look at dead letters of")
    calls = Calls()
    async with open_client(options) as client:
        try:
            yield ServiceBusDeadLetters(options, client, calls)
        finally:
            await calls.end()


def read_records(options: ServiceBusOptions, selection: Selection) -> AsyncIterator[Record]:
    """Return a reader of the selected events as records, with the bytes that were delivered.

    Raises:
        ReplayError: As for `read_service_bus`.
    """
    from experimentframework_servicebus._reading.reader import ServiceBusRecordReader

    return ServiceBusRecordReader(options, selection)


def channel_defaults(_options: ServiceBusOptions) -> ChannelSettings:
    """Return the settings of the channel where nobody says others."""
    return ChannelSettings(batch_size=_BATCH_SIZE)


def ordering_key(record: Record, options: ServiceBusOptions) -> str:
    """Return the session's owner, or the event id where there is none.

    Without sessions the service keeps no order; then one experiment stays in one lane.
    """
    owner: Owner = options.session_strategy if options.enable_sessions else "experimentKey"
    return owner_of(record, owner)
