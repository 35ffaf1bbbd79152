"""What arrives where, and what the service's refusals become, over the wire."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from azure.servicebus.aio import ServiceBusClient

from experimentframework_core.errors import PartialBatchError, PermanentError, UnavailableError
from experimentframework_core.testing import (
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, plugin
from tests.servicebus._wire import CONTEXT, LEAKS, ids, options_of, stored

if TYPE_CHECKING:
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_message_has_all_that_is_promised(peer: ServiceBusPeer, queue: str) -> None:
    """Given every option of a message, When it is stored, Then it has every field."""
    record = make_record(
        make_exposure(subject_id="u-1"), correlation_id="order-7", traceparent=TRACE
    )
    options = options_of(
        peer,
        queue,
        enable_sessions=True,
        session_strategy="subjectId",
        message_time_to_live_minutes=71_582,
    )

    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver([record])

    (message,) = peer.messages(queue)
    assert message.body == record.body
    assert message.ttl_seconds == 71_582 * 60
    assert {
        name: message.fields[name]
        for name in ("message_id", "session_id", "subject", "correlation_id", "content_type")
    } == {
        "message_id": record.event_id,
        "session_id": "u-1",
        "subject": "exposure",
        "correlation_id": "order-7",
        "content_type": "application/json",
    }
    assert message.properties == {
        "EventType": "exposure",
        "SchemaVersion": "1.0.0",
        "Timestamp": record.timestamp_ns // 1_000_000,
        "traceparent": TRACE,
    }


@pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")  # the client's
async def test_events_go_over_a_websocket_too(
    peer: ServiceBusPeer, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given transport websocket, When events come, Then they are stored.

    The service has WebSockets at port 443 only; the broker is elsewhere.
    """
    elsewhere = partial(
        ServiceBusClient.from_connection_string,
        custom_endpoint_address=f"sb://127.0.0.1:{peer.ports.websocket}",
    )
    monkeypatch.setattr(ServiceBusClient, "from_connection_string", elsewhere)
    records = make_records(3)

    async with plugin.open(options_of(peer, queue, transport="websocket"), CONTEXT) as backplane:
        await backplane.deliver(records)

    assert stored(peer, queue) == ids(records)


async def test_each_type_has_its_own_queue(own_peer: ServiceBusPeer) -> None:
    """Given type-specific destinations, When events come, Then each is in its type's queue."""
    for queue in ("experiment-exposures", "experiment-outcomes"):
        own_peer.queue(queue)
    exposure, outcome = make_record(make_exposure()), make_record(make_outcome())
    options = options_of(own_peer, use_type_specific_destinations=True)

    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.ping()  # type: ignore[attr-defined]
        await backplane.deliver([exposure, outcome])

    assert stored(own_peer, "experiment-exposures") == [exposure.event_id]
    assert stored(own_peer, "experiment-outcomes") == [outcome.event_id]


async def test_a_missing_queue_of_a_type_keeps_only_its_events(own_peer: ServiceBusPeer) -> None:
    """Given one queue is missing, When events of two types come, Then one waits, named."""
    own_peer.queue("experiment-outcomes")
    exposure, outcome = make_record(make_exposure()), make_record(make_outcome())
    options = options_of(own_peer, use_type_specific_destinations=True)

    async with plugin.open(options, CONTEXT) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver([exposure, outcome])

    assert isinstance(raised.value.failures[0], UnavailableError)
    assert "--name experiment-exposures" in str(raised.value.failures[0])
    assert stored(own_peer, "experiment-outcomes") == [outcome.event_id]


async def test_no_queue_of_any_type_is_said_with_all_of_them(own_peer: ServiceBusPeer) -> None:
    """Given a namespace without queues, When it is looked at, Then each missing one is named."""
    options = options_of(own_peer, use_type_specific_destinations=True)

    async with plugin.open(options, CONTEXT) as backplane:
        with pytest.raises(UnavailableError) as raised:
            await backplane.ping()  # type: ignore[attr-defined]

    for name in ("exposures", "assignments", "outcomes", "analysis-signals", "governance"):
        assert f"--name experiment-{name} " in str(raised.value)


async def test_a_topic_gives_its_subscriptions_all(peer: ServiceBusPeer, entity: str) -> None:
    """Given a topic, When events come, Then its subscription has them."""
    from tests.peers.amqp.definitions import Subscription

    peer.topic(entity, Subscription(name="all"))
    records = make_records(3)

    async with plugin.open(options_of(peer, topic_name=entity), CONTEXT) as backplane:
        await backplane.deliver(records)

    assert stored(peer, f"{entity}/Subscriptions/all") == ids(records)


async def test_batches_close_at_the_size_of_the_queue(own_peer: ServiceBusPeer) -> None:
    """Given a queue of small messages, When many come, Then several batches have them in order."""
    from tests.peers.amqp.definitions import Settings

    own_peer.queue("events", Settings(largest=8192))
    records = make_records(100)

    async with plugin.open(options_of(own_peer, "events"), CONTEXT) as backplane:
        await backplane.deliver(records)

    assert stored(own_peer, "events") == ids(records)
    assert 3 < own_peer.state.sends < 20


async def test_a_missing_queue_comes_with_the_command_that_creates_it(
    peer: ServiceBusPeer,
) -> None:
    """Given no such queue, When it is opened, Then the error names it and how to create it."""
    with pytest.raises(UnavailableError, match=r"az servicebus queue create .* --name absent "):
        await plugin.open(options_of(peer, "absent"), CONTEXT).__aenter__()


async def test_a_wrong_key_is_a_matter_of_configuration(peer: ServiceBusPeer, queue: str) -> None:
    """Given a wrong key, When it is opened, Then the error says so, and not the key."""
    options = ServiceBusOptions(
        connection_string=Secret(peer.connection_string(key="hunter2")), queue_name=queue
    )

    with pytest.raises(
        UnavailableError, match="refuses SharedAccessKeyName or SharedAccessKey"
    ) as raised:
        await plugin.open(options, CONTEXT).__aenter__()

    assert "hunter2" not in str(raised.value)


async def test_a_queue_that_wants_sessions_says_so(peer: ServiceBusPeer, entity: str) -> None:
    """Given a queue that requires sessions, When there are none, Then no event is given up."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))

    async with plugin.open(options_of(peer, entity), CONTEXT) as backplane:
        with pytest.raises(UnavailableError, match="say enableSessions: true"):
            await backplane.deliver(make_records(3))


async def test_a_session_id_of_200_characters_is_taken(peer: ServiceBusPeer, entity: str) -> None:
    """Given a very long subject, When its events come, Then they are one session, in order."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))
    records = [make_record(make_exposure(subject_id="u" * 200)) for _ in range(3)]
    options = options_of(peer, entity, enable_sessions=True, session_strategy="subjectId")

    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(records)

    messages = peer.messages(entity)
    assert [each.message_id for each in messages] == ids(records)
    assert len({each.fields["session_id"] for each in messages}) == 1


@pytest.mark.parametrize("sessions", [False, True])
async def test_a_partitioned_queue_with_duplicate_detection(
    own_peer: ServiceBusPeer,
    sessions: bool,  # noqa: FBT001
) -> None:
    """Given partitions and duplicate detection, When events come, Then all arrive, in order.

    Without sessions it takes no batches: that is learnt from the first one.
    """
    from tests.peers.amqp.definitions import Settings

    settings = Settings(sessions=sessions, duplicate_seconds=600, partitioned=True)
    own_peer.queue("events", settings)
    records = make_records(20)

    async with plugin.open(options_of(own_peer, "events", enable_sessions=sessions), CONTEXT) as it:
        await it.deliver(records[:10])
        await it.deliver(records[10:])

    assert stored(own_peer, "events") == ids(records)
    assert own_peer.state.sends == (2 if sessions else 21)


async def test_an_event_that_is_too_large_is_refused_with_its_size(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given an event larger than the queue takes, When it comes, Then it alone is refused."""
    records = [*make_records(2), make_record(make_exposure(attributes={"x": "y" * 300_000}))]

    async with plugin.open(options_of(peer, queue), CONTEXT) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver(records)

    assert isinstance(raised.value.failures[2], PermanentError)
    assert "larger than it takes" in str(raised.value.failures[2])
    assert stored(peer, queue) == ids(records[:2])
