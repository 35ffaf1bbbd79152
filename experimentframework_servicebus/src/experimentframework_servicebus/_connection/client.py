"""Makes the client: from a connection string, or for a namespace and an Azure identity."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from experimentframework_core.errors import UnavailableError
from experimentframework_servicebus._connection.quiet import quieten
from experimentframework_servicebus._namespace.connection_string import (
    ConnectionString,
    is_host,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.identity.aio import DefaultAzureCredential
    from azure.servicebus import ServiceBusSessionFilter
    from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions

    Session: TypeAlias = str | Literal[ServiceBusSessionFilter.NEXT_AVAILABLE]

RETRIES = 0
"""The client's own: it would send again what may have arrived, beside ours and its backoff."""

SOCKET_TIMEOUT = 0.05
"""Seconds for which the client listens while it waits; its own 0.2 makes it slow."""


@asynccontextmanager
async def open_client(options: ServiceBusOptions) -> AsyncIterator[ServiceBusClient]:
    """Yield a client, which connects when it is first used.

    Whoever opens a sender of it closes that sender.

    Raises:
        UnavailableError: The options name no namespace, or none that is a host; azure-identity is
            missing; or the cafile cannot be used.
    """
    from azure.servicebus import TransportType
    from azure.servicebus.aio import ServiceBusClient

    quieten()
    transport = (
        TransportType.AmqpOverWebsocket if options.transport == "websocket" else TransportType.Amqp
    )
    trusted = _trusted(options.cafile)
    if options.connection_string is not None:
        text = without_entity(options.connection_string.reveal())
        yield ServiceBusClient.from_connection_string(
            text, retry_total=RETRIES, transport_type=transport, connection_verify=trusted
        )
        return
    if options.fully_qualified_namespace is None:
        raise UnavailableError(
            "cannot connect to Service Bus: expected connectionString or fullyQualifiedNamespace"
        )
    if not is_host(options.fully_qualified_namespace):
        raise UnavailableError(
            "cannot read fullyQualifiedNamespace: not a host; expected one as in "
            "shop.servicebus.windows.net"
        )
    async with _identity() as credential:
        yield ServiceBusClient(
            options.fully_qualified_namespace,
            credential,
            retry_total=RETRIES,
            transport_type=transport,
            connection_verify=trusted,
        )


def sender_of(
    client: ServiceBusClient, entity: str, options: ServiceBusOptions
) -> ServiceBusSender:
    """Return a sender of a queue or topic, which connects when it is first used."""
    of_entity = client.get_queue_sender if options.topic_name is None else client.get_topic_sender
    if options.client_id is None:
        return of_entity(entity, socket_timeout=SOCKET_TIMEOUT)
    return of_entity(entity, client_identifier=options.client_id, socket_timeout=SOCKET_TIMEOUT)


def receiver_of(
    client: ServiceBusClient,
    place: Place,
    options: ServiceBusOptions,
    session: Session | None = None,
    session_timeout: float | None = None,
) -> ServiceBusReceiver:
    """Return a receiver of a queue or subscription, which connects when it is first used.

    Args:
        client: The client.
        place: The queue or subscription.
        options: Who we are.
        session: The session to receive from, or the next that is free; None where there are none.
        session_timeout: Seconds that the service looks for one that is free.
    """
    from azure.servicebus import ServiceBusSubQueue

    sub_queue = ServiceBusSubQueue.DEAD_LETTER if place.dead_letters else None
    if place.subscription is None:
        return client.get_queue_receiver(
            place.entity,
            sub_queue=sub_queue,
            session_id=session,
            max_wait_time=session_timeout,
            client_identifier=options.client_id,
            socket_timeout=SOCKET_TIMEOUT,
        )
    return client.get_subscription_receiver(
        place.entity,
        place.subscription,
        sub_queue=sub_queue,
        session_id=session,
        max_wait_time=session_timeout,
        client_identifier=options.client_id,
        socket_timeout=SOCKET_TIMEOUT,
    )


def without_entity(text: str) -> str:
    """Return a connection string as the client takes it, for any queue or topic.

    Ours may have spaces and names in other cases; the client compares an EntityPath letter by
    letter.

    Raises:
        UnavailableError: It is no connection string; the message never quotes it.
    """
    found = parse(text)
    if not isinstance(found, ConnectionString):
        raise UnavailableError(f"cannot read connectionString: {'; '.join(found)}")
    port = "" if found.port is None else f":{found.port}"
    parts = [f"Endpoint=sb://{found.host}{port}"]
    if found.signature is not None:
        parts.append(f"SharedAccessSignature={found.signature.reveal()}")
    if found.key_name is not None and found.key is not None:
        parts.append(f"SharedAccessKeyName={found.key_name}")
        parts.append(f"SharedAccessKey={found.key.reveal()}")
    if found.emulator:
        parts.append("UseDevelopmentEmulator=true")
    return ";".join(parts)


def _trusted(cafile: str | None) -> str | None:
    """Return the file, once it is known to hold certificates: the client would not name it."""
    if cafile is not None:
        try:
            ssl.create_default_context(cafile=cafile)
        except OSError as error:
            raise UnavailableError(
                f"cannot use cafile {cafile!r}: {error}; expected certificates in PEM"
            ) from error
    return cafile


def _identity() -> DefaultAzureCredential:
    try:
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        raise UnavailableError(
            "cannot sign in by an Azure identity: azure-identity is not installed; "
            'python -m pip install "experimentframework-servicebus[identity]", or say '
            "connectionString"
        ) from error
    return DefaultAzureCredential()
