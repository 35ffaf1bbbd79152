"""The client is made of what the options say."""

from __future__ import annotations

import sys

import pytest
from azure.servicebus.aio import ServiceBusClient

from experimentframework_core.errors import UnavailableError
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._connection.client import open_client, sender_of, without_entity

KEY = "SharedAccessKeyName=send;SharedAccessKey=aGVsbG8="
NAMESPACE = "shop.servicebus.windows.net"


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (
            f" endpoint = sb://{NAMESPACE}/ ; {KEY} ; EntityPath=Events;",
            f"Endpoint=sb://{NAMESPACE};{KEY}",
        ),
        (
            f"Endpoint=sb://localhost:5699;{KEY};UseDevelopmentEmulator=true",
            f"Endpoint=sb://localhost:5699;{KEY};UseDevelopmentEmulator=true",
        ),
        (
            f"Endpoint=sb://{NAMESPACE};SharedAccessSignature=sr=x&sig=y&se=1",
            f"Endpoint=sb://{NAMESPACE};SharedAccessSignature=sr=x&sig=y&se=1",
        ),
    ],
)
def test_the_client_takes_a_connection_string_for_any_queue(text: str, taken: str) -> None:
    """Given a string as people write it, When it is for the client, Then it takes it."""
    found = without_entity(text)

    ServiceBusClient.from_connection_string(found)
    assert found == taken


def test_what_is_no_connection_string_is_not_quoted() -> None:
    """Given no connection string, When it is read, Then what is wrong is said and no secret."""
    with pytest.raises(UnavailableError, match="it has no Endpoint") as caught:
        without_entity("SharedAccessKeyName=send;SharedAccessKey=hunter2")

    assert "hunter2" not in str(caught.value)


async def test_a_key_needs_no_identity() -> None:
    """Given a connection string, When a client is opened, Then it is of that namespace."""
    options = ServiceBusOptions(
        connection_string=Secret(f"Endpoint=sb://{NAMESPACE};{KEY};EntityPath=Events"),
        queue_name="events",
        client_id="shop",
    )

    async with open_client(options) as client:
        sender = sender_of(client, "events", options)

    assert client.fully_qualified_namespace == NAMESPACE
    assert (sender.entity_name, sender.client_identifier) == ("events", "shop")


async def test_a_namespace_is_signed_in_to_by_an_identity() -> None:
    """Given a namespace, When a client is opened, Then it is there, over WebSockets if told so."""
    options = ServiceBusOptions(
        fully_qualified_namespace=NAMESPACE, topic_name="events", transport="websocket"
    )

    async with open_client(options) as client:
        sender = sender_of(client, "events", options)

    assert client.fully_qualified_namespace == NAMESPACE
    assert sender.entity_name == "events"


async def test_a_missing_azure_identity_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given azure-identity is not there, When it is needed, Then it says what to install."""
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    options = ServiceBusOptions(fully_qualified_namespace=NAMESPACE, queue_name="events")

    with pytest.raises(UnavailableError, match=r"experimentframework-servicebus\[identity\]"):
        await open_client(options).__aenter__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ServiceBusOptions(connection_string=Secret(f"Endpoint=sb://a..b;{KEY}")),
            "cannot read connectionString: its Endpoint is not a host",
        ),
        (
            ServiceBusOptions(fully_qualified_namespace=f"{'x' * 64}.net"),
            "cannot read fullyQualifiedNamespace: not a host",
        ),
    ],
)
async def test_what_is_no_host_is_said(options: ServiceBusOptions, message: str) -> None:
    """Given options that nobody checked, When they name no host, Then opening says so."""
    with pytest.raises(UnavailableError, match=message):
        await open_client(options).__aenter__()


async def test_no_namespace_is_said() -> None:
    """Given options without a namespace, When a client is opened, Then it says what to say."""
    with pytest.raises(UnavailableError, match="expected connectionString or fullyQualified"):
        await open_client(ServiceBusOptions(queue_name="events")).__aenter__()
