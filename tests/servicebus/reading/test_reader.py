"""Events are read back over the wire, and stay where they are."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage

from experimentframework_core.codec import encode
from experimentframework_core.errors import (
    ConfigurationError,
    ReplayError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import (
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, receive
from experimentframework_servicebus._reading.reader import ServiceBusReader
from tests.servicebus._wire import LEAKS, deliver, ids, options_of, send, until

if TYPE_CHECKING:
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)

OF_DOTNET = Path(__file__).parents[2] / "core" / "data" / "dotnet"


async def read(options: ServiceBusOptions, selection: Selection | None = None) -> list[str]:
    """Return the ids of the events that are read."""
    reader = ServiceBusReader(options, selection or Selection())
    return [envelope.event_id async for envelope in reader]


async def test_a_session_is_read_while_its_consumer_has_it(
    peer: ServiceBusPeer, entity: str
) -> None:
    """Given a consumer has a session, When all is read, Then its events come, and it keeps it."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))
    options = options_of(peer, entity, enable_sessions=True, session_strategy="subjectId")
    records = [make_record(make_exposure(subject_id=f"u-{number % 3}")) for number in range(6)]
    await deliver(options, records)

    async with receive(options, max_wait=20) as events:
        received = await anext(events)
        found = await read(options)
        await received.complete()

    assert sorted(found) == sorted(ids(records))
    assert len(peer.messages(entity)) == 5


async def test_no_message_is_received(peer: ServiceBusPeer, queue: str) -> None:
    """Given events, When they are read, Then no link for messages is there, and none is taken."""
    options = options_of(peer, queue)
    await deliver(options, make_records(3))
    reader = ServiceBusReader(options, Selection())

    async with aclosing(reader):
        await anext(reader)
        receivers = peer.state.receivers

    assert queue not in receivers
    assert [message.deliveries for message in peer.messages(queue)] == [0, 0, 0]


async def test_a_subscription_is_read(peer: ServiceBusPeer, entity: str) -> None:
    """Given a topic with two subscriptions, When one is read, Then what it got comes."""
    from tests.peers.amqp.definitions import Correlation, Settings, Subscription

    peer.topic(
        entity,
        Subscription(name="all"),
        Subscription(
            name="exposures",
            settings=Settings(sessions=True),
            filters=[Correlation(subject="exposure")],
        ),
    )
    exposure, outcome = make_record(make_exposure()), make_record(make_outcome())
    options = options_of(peer, topic_name=entity, subscription_name="exposures")
    await deliver(msgspec.structs.replace(options, enable_sessions=True), [exposure, outcome])

    found = await read(options)
    every = await read(msgspec.structs.replace(options, subscription_name="all"))

    assert found == [exposure.event_id]
    assert sorted(every) == sorted(ids([exposure, outcome]))


async def test_a_topic_alone_cannot_be_read(peer: ServiceBusPeer) -> None:
    """Given a topic and no subscription, When it is read, Then the error says what to say."""
    with pytest.raises(ConfigurationError) as raised:
        await read(options_of(peer, topic_name="events"))

    assert str(raised.value) == (
        "cannot read topic 'events': a topic keeps no events; say subscriptionName, one of its "
        "subscriptions"
    )


async def test_the_queues_of_the_types_are_read(own_peer: ServiceBusPeer) -> None:
    """Given queues of two types, When all is read, or one type, Then missing ones do not matter."""
    for name in ("experiment-exposures", "experiment-outcomes"):
        own_peer.queue(name)
    options = options_of(own_peer, use_type_specific_destinations=True)
    exposures, outcome = make_records(2), make_record(make_outcome())
    await deliver(options, [outcome, *exposures])
    reader = ServiceBusReader(options, Selection())

    found = [envelope.event_id async for envelope in reader]
    of_a_type = await read(options, Selection(types=("outcome",)))

    assert found == ids([*exposures, outcome])
    assert of_a_type == [outcome.event_id]
    assert reader.checkpoint is not None
    assert set(msgspec.json.decode(reader.checkpoint)["after"]) == {
        "experiment-exposures",
        "experiment-outcomes",
    }


async def test_missing_queues_are_named(own_peer: ServiceBusPeer) -> None:
    """Given no queue of two types, When they are read, Then each is named, with its command."""
    options = options_of(own_peer, use_type_specific_destinations=True)

    with pytest.raises(UnavailableError) as raised:
        await read(options, Selection(types=("outcome", "exposure")))

    assert "az servicebus queue create" in str(raised.value)
    assert "--name experiment-outcomes " in str(raised.value)
    assert "--name experiment-exposures " in str(raised.value)


async def test_a_missing_subscription_is_named(peer: ServiceBusPeer, entity: str) -> None:
    """Given no such subscription, When it is read, Then the command that creates it is told."""
    peer.topic(entity)
    options = options_of(peer, topic_name=entity, subscription_name="absent")

    with pytest.raises(UnavailableError) as raised:
        await read(options)

    assert f"cannot read '{entity}/Subscriptions/absent': it does not exist" in str(raised.value)
    assert "az servicebus topic subscription create" in str(raised.value)
    assert f"--topic-name {entity} --name absent" in str(raised.value)


async def test_a_wrong_key_is_told_and_not_shown(peer: ServiceBusPeer, queue: str) -> None:
    """Given a wrong key, When it is read, Then the error says so."""
    text = Secret(peer.connection_string(key="hunter2"))

    with pytest.raises(
        UnavailableError, match="refuses SharedAccessKeyName or SharedAccessKey"
    ) as raised:
        await read(ServiceBusOptions(connection_string=text, queue_name=queue))

    assert "hunter2" not in str(raised.value)


async def test_many_pages_are_read_and_left_in_the_middle(
    peer: ServiceBusPeer, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given small pages, When reading stops and goes on at its checkpoint, Then all come, once."""
    monkeypatch.setattr("experimentframework_servicebus._reading.pages.PAGE", 3)
    options, records = options_of(peer, queue), make_records(20)
    await deliver(options, records)
    reader = ServiceBusReader(options, Selection())

    async with aclosing(reader):
        begun = [(await anext(reader)).event_id for _ in range(8)]
    rest = await read(options, Selection(checkpoint=reader.checkpoint))

    assert begun + rest == ids(records)


async def test_what_is_no_event_is_told_and_can_be_passed(peer: ServiceBusPeer, queue: str) -> None:
    """Given foreign messages, When they are read, Then each is told, with a way around it."""
    options, (first, last) = options_of(peer, queue), make_records(2)
    await deliver(options, [first])
    await send(peer, queue, ServiceBusMessage(b"not an event"))
    await send(peer, queue, AmqpAnnotatedMessage(value_body=7))
    await deliver(options, [last])
    reader = ServiceBusReader(options, Selection())

    found = [(await anext(reader)).event_id]
    with pytest.raises(ReplayError, match=rf"cannot read message [\d,]+ of '{queue}': ") as raised:
        await anext(reader)
    assert str(reader.checkpoint) in str(raised.value)
    assert raised.value.record == b"not an event"
    reader = ServiceBusReader(options, Selection(checkpoint=reader.checkpoint))
    with pytest.raises(ReplayError, match="the message holds no bytes"):
        await anext(reader)
    found += await read(options, Selection(checkpoint=reader.checkpoint))

    assert found == ids([first, last])


async def test_events_of_dotnet_are_read_in_full(peer: ServiceBusPeer, queue: str) -> None:
    """Given what the .NET original sends, When it is read, Then nothing of it is lost."""
    exposure = (OF_DOTNET / "exposure.json").read_bytes()
    pascal = exposure.replace(b'"experimentName"', b'"ExperimentName"')
    for each in (exposure, pascal):
        await send(peer, queue, ServiceBusMessage(each, subject="Exposure"))

    selection = Selection(types=("exposure",), experiments=("checkout",))
    one, other = [each async for each in ServiceBusReader(options_of(peer, queue), selection)]

    assert encode(one) == encode(other)
    assert one.event_id == "3f0e8a52-8b0c-4c62-9d0d-1f2a7b9c4e01"
    assert one.payload.attributes == {"Region": "eu", "price": 12}


async def test_what_is_scheduled_comes_when_it_is_due(peer: ServiceBusPeer, queue: str) -> None:
    """Given a message for later, When it is read before and after, Then it comes once."""
    options, (record,) = options_of(peer, queue), make_records(1)
    later = datetime.now(UTC) + timedelta(days=2)
    await send(peer, queue, ServiceBusMessage(record.body, scheduled_enqueue_time_utc=later))
    reader = ServiceBusReader(options, Selection())

    before = [envelope.event_id async for envelope in reader]
    peer.put_forward(3 * 86_400)
    after = await read(options, Selection(checkpoint=reader.checkpoint))

    assert (before, after) == ([], [record.event_id])


async def test_a_lost_connection_does_not_end_a_reading(
    peer: ServiceBusPeer, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a connection that was idle for long, When it is read on, Then a new one is made."""
    monkeypatch.setattr("experimentframework_servicebus._reading.pages.PAGE", 3)
    options, records = options_of(peer, queue), make_records(9)
    await deliver(options, records)
    reader = ServiceBusReader(options, Selection())

    begun = [(await anext(reader)).event_id]
    peer.cut()
    rest = [envelope.event_id async for envelope in reader]

    assert begun + rest == ids(records)


async def test_who_calls_again_after_a_failure_goes_on(
    peer: ServiceBusPeer, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a service that hangs for a while, When it is asked again, Then nothing is left out."""
    monkeypatch.setattr("experimentframework_servicebus._reading.pages.PAGE", 3)
    options, records = options_of(peer, queue, send_timeout_ms=2_500), make_records(9)
    await deliver(options, records)
    reader = ServiceBusReader(options, Selection())
    begun = [(await anext(reader)).event_id for _ in range(3)]

    peer.hang()
    with pytest.raises(TransientError, match=f"cannot read '{queue}': "):
        await anext(reader)
    peer.release()
    rest = [envelope.event_id async for envelope in reader]

    assert begun + rest == ids(records)


async def test_a_reading_can_be_left_while_it_waits(own_peer: ServiceBusPeer) -> None:
    """Given a reading that follows, When it is cancelled, Then it is over, and disconnected."""
    own_peer.queue("events")
    reader = ServiceBusReader(options_of(own_peer, "events"), Selection(follow=True))
    waiting = asyncio.ensure_future(anext(reader))
    await until(lambda: own_peer.state.connections == 1)
    done, _ = await asyncio.wait({waiting}, timeout=1)
    assert not done

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await reader.aclose()

    await until(lambda: own_peer.state.connections == 0)
