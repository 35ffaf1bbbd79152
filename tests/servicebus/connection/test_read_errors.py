"""What the errors of the client mean to who reads or receives."""

from __future__ import annotations

import pytest
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusConnectionError,
    ServiceBusError,
    ServiceBusQuotaExceededError,
    ServiceBusServerBusyError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._connection.errors import MissingError
from experimentframework_servicebus._connection.read_errors import reading_failure
from experimentframework_servicebus._namespace.entities import Place

QUEUE = Place("events")
OPTIONS = ServiceBusOptions(
    fully_qualified_namespace="shop.servicebus.windows.net", queue_name="events"
)
IN_SESSIONS = ServiceBusOptions(
    fully_qualified_namespace="shop.servicebus.windows.net",
    topic_name="events",
    subscription_name="all",
    enable_sessions=True,
)
NO_SESSIONS = ServiceBusError("It requires sessions. Error condition: amqp:not-allowed.")
NOT_ALLOWED = ServiceBusError("A topic. Error condition: amqp:not-allowed.")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ServiceBusServerBusyError(), TransientError, "the service is busy"),
        (ServiceBusQuotaExceededError(), TransientError, "has too many connections"),
        (
            ServiceBusConnectionError(message="cut"),
            TransientError,
            "ServiceBusConnectionError: cut",
        ),
        (TimeoutError(), TransientError, "no answer in time from shop.servicebus.windows.net"),
        (
            ServiceBusError("Handler failed: 'NoneType' object has no attribute '_connection'."),
            TransientError,
            "ServiceBusError: the connection was lost",
        ),
        (NOT_ALLOWED, UnavailableError, "if it is a topic, say topicName and subscriptionName"),
        (MessageLockLostError(), TransientError, "its lock is lost, so it comes again"),
        (SessionLockLostError(), TransientError, "the session is lost"),
        (SessionCannotBeLockedError(), TransientError, "somebody else has the session"),
        (ServiceBusAuthenticationError(), UnavailableError, "refuses the application's Azure"),
        (ServiceBusAuthorizationError(), UnavailableError, "give this key the claim Listen"),
        (MessagingEntityDisabledError(), UnavailableError, "disabled for receiving; enable it"),
        (NO_SESSIONS, UnavailableError, "if it requires sessions, say enableSessions: true"),
    ],
)
def test_each_error_has_its_meaning(
    error: Exception, kind: type[TransientError], said: str
) -> None:
    """Given an error of the client, When it is mapped, Then it says what to do, and of what."""
    found = reading_failure(error, "read", QUEUE, OPTIONS)

    assert type(found) is kind
    assert str(found).startswith("cannot read 'events': ")
    assert said in str(found)
    assert found.__cause__ is error


@pytest.mark.parametrize(
    ("place", "options", "command"),
    [
        (QUEUE, OPTIONS, "az servicebus queue create --resource-group RESOURCE_GROUP "),
        (
            Place("events", "all"),
            IN_SESSIONS,
            (
                "az servicebus topic subscription create --resource-group RESOURCE_GROUP "
                "--namespace-name shop --topic-name events --name all --enable-session true ("
            ),
        ),
    ],
)
def test_what_creates_it_is_told(place: Place, options: ServiceBusOptions, command: str) -> None:
    """Given it is missing, When the error is mapped, Then it has the command that creates it."""
    found = reading_failure(MessagingEntityNotFoundError(), "read", place, options)

    assert type(found) is MissingError
    assert f"cannot read '{place}': it does not exist; create it with: {command}" in str(found)


def test_sessions_that_are_not_there_are_told() -> None:
    """Given sessions are on, When the service refuses one, Then it says to switch them off."""
    found = reading_failure(NO_SESSIONS, "receive from", QUEUE, IN_SESSIONS)

    assert "if it has no sessions, say enableSessions: false" in str(found)


def test_a_key_that_is_refused_is_told() -> None:
    """Given a connection string, When its key is refused, Then the error says what to look at."""
    text = Secret("Endpoint=sb://shop;SharedAccessKeyName=reader;SharedAccessKey=aGlkZGVu")
    options = ServiceBusOptions(connection_string=text, queue_name="events")

    found = reading_failure(ServiceBusAuthenticationError(), "read", QUEUE, options)

    assert type(found) is UnavailableError
    assert "the service refuses SharedAccessKeyName or SharedAccessKey of conn" in str(found)


def test_a_pause_is_kept() -> None:
    """Given a busy service, When the error is mapped, Then it has the seconds to wait."""
    found = reading_failure(ServiceBusServerBusyError(), "read", QUEUE, OPTIONS)

    assert found.retry_after == 10
