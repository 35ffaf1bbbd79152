"""What `receive` asks of its arguments and options, and of the queue or subscription."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import ConfigurationError, UnavailableError
from experimentframework_core.testing import (
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)
from experimentframework_servicebus import receive
from tests.servicebus._wire import LEAKS, deliver, options_of
from tests.servicebus.receiving._events import PATIENCE, names, some

if TYPE_CHECKING:
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


async def test_a_consumer_ends_with_its_block(peer: ServiceBusPeer, queue: str) -> None:
    """Given the block is left, When the next event is asked for, Then that is a mistake."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))
    async with receive(options, max_wait=PATIENCE) as events:
        pass

    with pytest.raises(RuntimeError, match="this consumer has ended"):
        await events.batch()
    with pytest.raises(RuntimeError, match="this consumer has ended"):
        await anext(events)


async def test_each_type_is_received_by_itself(own_peer: ServiceBusPeer) -> None:
    """Given queues of the types, When one type is received, Then only it comes."""
    for name in ("experiment-exposures", "experiment-outcomes"):
        own_peer.queue(name)
    options = options_of(own_peer, use_type_specific_destinations=True)
    exposure, outcome = make_record(make_exposure()), make_record(make_outcome())
    await deliver(options, [exposure, outcome])

    async with receive(options, event_type="outcome", max_wait=PATIENCE) as events:
        received = await some(events, 1)

    assert names(received) == [outcome.event_id]


async def test_what_is_missing_is_named(peer: ServiceBusPeer) -> None:
    """Given no such queue, When it is received from, Then the command that creates it is told."""
    with pytest.raises(UnavailableError, match=r"cannot receive from 'absent': .* --name absent "):
        await receive(options_of(peer, "absent")).__aenter__()


async def test_a_queue_with_sessions_says_so(peer: ServiceBusPeer, entity: str) -> None:
    """Given a queue that requires sessions, When they are off, Then the option is named."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))

    with pytest.raises(UnavailableError, match="say enableSessions: true"):
        await receive(options_of(peer, entity)).__aenter__()


async def test_a_queue_without_sessions_says_so(peer: ServiceBusPeer, queue: str) -> None:
    """Given a queue without sessions, When they are on, Then the option is named."""
    async with receive(options_of(peer, queue, enable_sessions=True), max_wait=PATIENCE) as events:
        with pytest.raises(UnavailableError, match="say enableSessions: false"):
            await anext(events)


@pytest.mark.parametrize(
    ("said", "given", "message"),
    [
        ({"queue": "q"}, {"event_type": "outcome"}, "event_type is for use_type_specific"),
        ({"use_type_specific_destinations": True}, {}, "event_type is for use_type_specific"),
        ({"queue": "q"}, {"session": "a"}, "session is for options with enable_sessions"),
        ({"queue": "q"}, {"max_wait": 0}, "max_wait is 0; expected seconds above 0, or None"),
        ({"queue": "q"}, {"max_wait": -1}, "max_wait is -1"),
        ({"queue": "q"}, {"max_wait": math.nan}, "max_wait is nan"),
    ],
)
async def test_arguments_must_fit_the_options(
    peer: ServiceBusPeer, said: dict[str, object], given: dict[str, object], message: str
) -> None:
    """Given options, When an argument does not fit them, Then it is refused before connecting."""
    options = options_of(peer, **said)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=message):
        await receive(options, **given).__aenter__()  # type: ignore[arg-type]


async def test_a_missing_destination_is_named(peer: ServiceBusPeer) -> None:
    """Given options without a queue, When it is received, Then the option is named."""
    with pytest.raises(ConfigurationError, match="cannot receive: queueName is missing"):
        await receive(options_of(peer)).__aenter__()


async def test_a_topic_alone_gives_nothing(peer: ServiceBusPeer) -> None:
    """Given a topic without a subscription, When it is received from, Then it is asked for."""
    with pytest.raises(ConfigurationError, match="say subscriptionName"):
        await receive(options_of(peer, topic_name="events")).__aenter__()
