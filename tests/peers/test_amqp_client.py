"""What the genuine client sends to the broker, and gets from it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from azure.core.credentials import AccessToken
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
    TransportType,
)
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusError,
    SessionCannotBeLockedError,
)

from tests.peers.amqp.definitions import Correlation, Settings, Subscription
from tests.peers.amqp.tokens import IDENTITY_TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from azure.servicebus import ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusReceiver

    from tests.peers.amqp.peer import ServiceBusPeer
    from tests.peers.certificates import Certificates

SESSIONS = Settings(sessions=True)
of_the_client = pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")
"""The client asks aiohttp in a way that aiohttp does not like any more."""


@pytest.fixture
async def client(amqp: ServiceBusPeer) -> AsyncIterator[ServiceBusClient]:
    """Return a client that does not try again by itself."""
    async with _client(amqp.connection_string()) as client:
        yield client


def _client(connection_string: str) -> ServiceBusClient:
    return ServiceBusClient.from_connection_string(connection_string, retry_total=0)


async def _send(client: ServiceBusClient, entity: str, *messages: ServiceBusMessage) -> None:
    """Send to a queue or a topic; for the client they are the same."""
    async with client.get_queue_sender(entity, socket_timeout=0.02) as sender:
        await sender.send_messages(list(messages), timeout=20)


def _queue(client: ServiceBusClient, name: str, **more: object) -> ServiceBusReceiver:
    return client.get_queue_receiver(name, socket_timeout=0.02, **more)  # type: ignore[arg-type]


def _named(*names: str, session: str | None = None) -> list[ServiceBusMessage]:
    return [ServiceBusMessage(b"{}", message_id=name, session_id=session) for name in names]


async def test_a_message_is_kept_as_it_was_sent(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given a message with everything, When it is sent alone, Then a test reads everything."""
    amqp.queue("whole")
    message = ServiceBusMessage(
        b"{}",
        message_id="m",
        subject="exposure",
        correlation_id="c",
        content_type="application/json",
        partition_key="p",
        time_to_live=timedelta(minutes=1),
        application_properties={"text": "t", "number": 1, "yes": True},
    )

    async with client.get_queue_sender("whole") as sender:
        await sender.send_messages(message, timeout=20)

    (stored,) = amqp.messages("whole")
    texts = {name: stored.fields[name] for name in ("message_id", "subject", "correlation_id")}
    assert texts == {"message_id": "m", "subject": "exposure", "correlation_id": "c"}
    assert stored.fields["content_type"] == "application/json"
    assert (stored.partition_key, stored.ttl_seconds, stored.body) == ("p", 60.0, b"{}")
    assert stored.properties == {"text": "t", "number": 1, "yes": True}


async def _received(receiver: ServiceBusReceiver, number: int) -> list[ServiceBusReceivedMessage]:
    """Receive at least so many: the client returns with fewer when one is a moment late."""
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < number:
        found += await receiver.receive_messages(5, max_wait_time=20)
    return found


async def test_a_message_comes_back_as_it_was_sent(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given a stored message, When it is received and deleted, Then nothing of it is lost."""
    amqp.queue("back")
    await _send(client, "back", ServiceBusMessage(b"{}", message_id="m", subject="exposure"))

    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with _queue(client, "back", receive_mode=mode) as receiver:
        (found,) = await receiver.receive_messages(1, max_wait_time=20)

    assert (found.message_id, found.subject, b"".join(found.body)) == ("m", "exposure", b"{}")
    assert amqp.messages("back") == []


async def test_a_batch_is_stored_in_order(amqp: ServiceBusPeer, client: ServiceBusClient) -> None:
    """Given a batch, When it is sent, Then it is one transfer of all its messages in order."""
    amqp.queue("batch")
    before = amqp.state.sends

    await _send(client, "batch", *_named("a", "b", "c"))

    assert [each.message_id for each in amqp.messages("batch")] == ["a", "b", "c"]
    assert amqp.state.sends == before + 1


async def test_a_receiver_says_what_becomes_of_each(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given four messages, When each is settled otherwise, Then each is where it belongs."""
    amqp.queue("settle")
    await _send(client, "settle", *_named("done", "again", "dead", "later"))

    async with _queue(client, "settle") as receiver:
        done, again, dead, later = await _received(receiver, 4)
        await receiver.complete_message(done)
        await receiver.abandon_message(again)
        await receiver.dead_letter_message(dead, reason="why", error_description="so")
        await receiver.defer_message(later)
        (deferred,) = await receiver.receive_deferred_messages(later.sequence_number or 0)
        await receiver.complete_message(deferred)

    assert [(each.message_id, each.deliveries) for each in amqp.messages("settle")] == [
        ("again", 1)
    ]
    (buried,) = amqp.messages("settle/$DeadLetterQueue")
    assert (buried.message_id, buried.reason, buried.description) == ("dead", "why", "so")


async def test_dead_letters_are_received_with_their_reason(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given an expired message, When its dead letters are received, Then they say why."""
    amqp.queue("expired", Settings(ttl_seconds=60, dead_letter_expired=True))
    await _send(client, "expired", *_named("old"))
    amqp.put_forward(61)

    async with _queue(client, "expired", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (found,) = await receiver.receive_messages(1, max_wait_time=20)
        await receiver.complete_message(found)

    assert (found.message_id, found.dead_letter_reason) == ("old", "TTLExpiredException")
    assert amqp.messages("expired/$DeadLetterQueue") == []


async def test_a_lock_is_renewed_and_a_peek_takes_nothing(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given a locked message, When it is renewed and peeked, Then it is held longer, and there."""
    amqp.queue("locked")
    await _send(client, "locked", *_named("a", "b"))

    async with _queue(client, "locked") as receiver:
        (held,) = await receiver.receive_messages(1, max_wait_time=20)
        before = held.locked_until_utc
        await receiver.renew_message_lock(held)
    async with _queue(client, "locked") as receiver:
        peeked = await receiver.peek_messages(5)

    assert before is not None
    assert held.locked_until_utc is not None
    assert held.locked_until_utc >= before
    assert [each.message_id for each in peeked] == ["a", "b"]


async def test_a_session_has_one_receiver_and_a_state(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given two sessions, When one is received, Then it is its own, in order, and nobody else's."""
    amqp.queue("sessions", SESSIONS)
    await _send(client, "sessions", *_named("a1", "a2", session="a"))
    await _send(client, "sessions", *_named("b1", session="b"))

    async with _queue(client, "sessions", session_id="a") as receiver:
        found = await _received(receiver, 2)
        await receiver.session.set_state(b"seen")
        state = await receiver.session.get_state()
        with pytest.raises(SessionCannotBeLockedError):
            await _queue(client, "sessions", session_id="a").__aenter__()
        async with _queue(client, "sessions", session_id=NEXT_AVAILABLE_SESSION) as other:
            (next_one,) = await other.receive_messages(1, max_wait_time=20)

    assert [each.message_id for each in found] == ["a1", "a2"]
    assert state == b"seen"
    assert next_one.message_id == "b1"


async def test_a_subscription_gets_what_fits_its_filter(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given filters, When messages go to a topic, Then each subscription has what fits."""
    amqp.topic(
        "topic",
        Subscription(name="all"),
        Subscription(name="exposures", filters=[Correlation(subject="exposure")]),
        Subscription(name="shop", filters=[Correlation(properties={"tenantId": "shop"})]),
    )
    exposure = ServiceBusMessage(b"{}", message_id="e", subject="exposure")
    of_shop = ServiceBusMessage(b"{}", message_id="s", application_properties={"tenantId": "shop"})

    await _send(client, "topic", exposure, of_shop)
    async with client.get_subscription_receiver("topic", "shop", socket_timeout=0.02) as receiver:
        (found,) = await receiver.receive_messages(1, max_wait_time=20)
        await receiver.complete_message(found)

    stored = {
        name: [each.message_id for each in amqp.messages(f"topic/Subscriptions/{name}")]
        for name in ("all", "exposures", "shop")
    }
    assert found.message_id == "s"
    assert stored == {"all": ["e", "s"], "exposures": ["e"], "shop": []}


async def test_a_scheduled_message_waits_or_is_cancelled(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given two for later, When one is cancelled and time passes, Then the other is there."""
    amqp.queue("later")
    at = datetime.now(UTC) + timedelta(hours=3)

    async with client.get_queue_sender("later") as sender:
        numbers = await sender.schedule_messages(_named("a", "b"), at)
        await sender.cancel_scheduled_messages(numbers[0])
    before = amqp.messages("later")
    amqp.put_forward(4 * 3600)

    (waiting,), (there,) = before, amqp.messages("later")
    assert (waiting.message_id, waiting.state) == ("b", "scheduled")
    assert (there.message_id, there.state) == ("b", "active")
    assert there.sequence > waiting.sequence


async def test_links_over_which_clients_receive_are_counted(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given a receiver, When it is open and closed, Then the state says so."""
    amqp.queue("counted")

    async with _queue(client, "counted"):
        opened = amqp.state.receivers

    assert opened == {"counted": 1}
    assert "counted" not in amqp.state.receivers


async def test_a_message_id_that_came_before_is_dropped(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given duplicate detection, When an id comes again in time and late, Then two are stored."""
    amqp.queue("once", Settings(duplicate_seconds=60))

    await _send(client, "once", *_named("a"))
    await _send(client, "once", *_named("a"))
    amqp.put_forward(61)
    await _send(client, "once", *_named("a"))

    assert [each.message_id for each in amqp.messages("once")] == ["a", "a"]


async def test_what_is_too_large_is_refused(amqp: ServiceBusPeer, client: ServiceBusClient) -> None:
    """Given a small queue, When too much is sent, Then the client hears it, and of its limit."""
    amqp.queue("small", Settings(largest=2048))

    async with client.get_queue_sender("small") as sender:
        batch = await sender.create_message_batch()
        with pytest.raises(MessageSizeExceededError):
            await sender.send_messages(ServiceBusMessage(b"x" * 4096), timeout=20)

    assert batch.max_size_in_bytes == 2048
    assert amqp.messages("small") == []


async def test_a_queue_that_requires_sessions_takes_nothing_without(
    amqp: ServiceBusPeer, client: ServiceBusClient
) -> None:
    """Given required sessions, When a message has none, Then it is refused."""
    amqp.queue("strict", SESSIONS)

    with pytest.raises(ServiceBusError, match="SessionId was not set"):
        await _send(client, "strict", *_named("a"))

    assert amqp.messages("strict") == []


async def test_an_entity_that_is_not_there_is_named(client: ServiceBusClient) -> None:
    """Given no such queue, When a sender is opened, Then the error names it."""
    with pytest.raises(MessagingEntityNotFoundError, match="nowhere"):
        await _send(client, "nowhere", *_named("a"))


async def test_a_wrong_key_does_not_let_in(amqp: ServiceBusPeer) -> None:
    """Given another key, When a sender is opened, Then the signature is refused."""
    amqp.queue("shut")

    async with _client(amqp.connection_string(key="b3RoZXI=")) as client:
        with pytest.raises(ServiceBusAuthenticationError):
            await _send(client, "shut", *_named("a"))


@of_the_client
async def test_websockets_carry_the_same(amqp: ServiceBusPeer) -> None:
    """Given a WebSocket without TLS, When a message is sent, Then it is stored."""
    amqp.queue("web")
    address = f"sb://127.0.0.1:{amqp.ports.websocket}"

    async with ServiceBusClient.from_connection_string(
        amqp.connection_string(),
        retry_total=0,
        transport_type=TransportType.AmqpOverWebsocket,
        custom_endpoint_address=address,
    ) as client:
        await _send(client, "web", *_named("a"))

    assert [each.message_id for each in amqp.messages("web")] == ["a"]


@pytest.mark.parametrize("transport", [TransportType.Amqp, TransportType.AmqpOverWebsocket])
async def test_tls_carries_the_same(
    amqp: ServiceBusPeer, certificates: Certificates, transport: TransportType
) -> None:
    """Given TLS, When a message is sent, Then the certificate is checked and it is stored."""
    amqp.queue("safe")
    plain = transport is TransportType.Amqp
    port = amqp.ports.tls if plain else amqp.ports.websocket_tls
    name_and_key = amqp.connection_string().split(";")[1:3]

    async with ServiceBusClient.from_connection_string(
        ";".join(["Endpoint=sb://127.0.0.1/", *name_and_key]),
        retry_total=0,
        transport_type=transport,
        custom_endpoint_address=f"sb://127.0.0.1:{port}",
        connection_verify=str(certificates.authority),
    ) as client:
        await _send(client, "safe", *_named("a"))

    assert [each.message_id for each in amqp.messages("safe")] == ["a"]


class _Identity:
    """An identity that the broker knows."""

    async def get_token(self, *_scopes: str, **_more: object) -> AccessToken:
        return AccessToken(IDENTITY_TOKEN, int(time.time()) + 3600)

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def test_an_identity_is_let_in_without_a_key(amqp: ServiceBusPeer) -> None:
    """Given a token of an identity, When a message is sent, Then it is stored."""
    amqp.queue("identity")
    place = f"127.0.0.1:{amqp.ports.amqp}"

    async with ServiceBusClient(place, _Identity(), retry_total=0, use_tls=False) as client:
        await _send(client, "identity", *_named("a"))

    assert [each.message_id for each in amqp.messages("identity")] == ["a"]
