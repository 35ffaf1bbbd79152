"""Receives events for a consumer, which says of each what becomes of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.config import Problem
from experimentframework_core.errors import ConfigurationError
from experimentframework_servicebus._connection.calls import Calls
from experimentframework_servicebus._connection.client import open_client
from experimentframework_servicebus._namespace.entities import (
    Place,
    entity_of,
    require_subscription,
    the_entity,
)
from experimentframework_servicebus._receiving.consumer import Consumer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_servicebus._options import ServiceBusOptions
    from experimentframework_servicebus._receiving.link import Link


@asynccontextmanager
async def receive(
    options: ServiceBusOptions,
    *,
    event_type: str | None = None,
    session: str | None = None,
    max_wait: float | None = None,
) -> AsyncIterator[Consumer]:
    """Receive events from a queue or subscription, each locked for this consumer.

    ::

        async with receive(options) as events:
            async for received in events:
                await store(received.envelope)
                await received.complete()

    An event that is not completed comes again: at once when it is abandoned, else when its lock is
    over, or with its session. So each comes at least once. Locks last as long as the queue or
    subscription says, and are not renewed by themselves: see `Received.renew_lock`.

    Args:
        options: Where events are, as in the configuration of the backplane; of a topic with
            ``subscription_name``. With ``enable_sessions``, one session after another is received,
            each in its order.
        event_type: Which type's queue or topic, with ``use_type_specific_destinations``.
        session: Only this session's events.
        max_wait: Seconds without an event after which there is none, above 0; None waits for ever.

    Yields:
        The events, as they come. Use it in one task.

    Raises:
        ValueError: ``event_type`` or ``session`` does not fit the options, or ``max_wait`` is not
            above 0.
        ConfigurationError: The options do not say where events are: a topic keeps none, and its
            subscription is to be named.
        UnavailableError: The queue or subscription is missing, or refuses us.
        TransientError: The service does not answer.
    """
    from experimentframework_servicebus._receiving.link import Link

    place = _place_of(options, event_type)
    if session is not None and not options.enable_sessions:
        raise ValueError("session is for options with enable_sessions")
    if max_wait is not None and not max_wait > 0:
        raise ValueError(f"max_wait is {max_wait}; expected seconds above 0, or None")
    calls = Calls()
    async with open_client(options) as client:

        def make_link(session_timeout: float | None) -> Link:
            return Link(
                client, place, options, calls, session=session, session_timeout=session_timeout
            )

        consumer = Consumer(make_link, options, session=session, max_wait=max_wait)
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.end()
            await calls.end()


def _place_of(options: ServiceBusOptions, event_type: str | None) -> Place:
    entity = the_entity(options)
    if entity is None and not options.use_type_specific_destinations:
        message = (
            "cannot receive: queueName is missing; expected queueName, topicName or "
            "useTypeSpecificDestinations"
        )
        raise ConfigurationError((Problem(message=message),))
    if (entity is None) != (event_type is not None):
        raise ValueError("event_type is for use_type_specific_destinations, which needs it")
    require_subscription(options, "receive from")
    return Place(entity or entity_of(event_type or "", options), options.subscription_name)
