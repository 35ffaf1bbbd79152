"""What the errors of the service and its client mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.servicebus import exceptions as service_bus
from msgspec.structs import replace

from experimentframework_core.errors import PermanentError, TransientError, UnavailableError
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._connection.errors import (
    BUSY_PAUSE,
    FULL_PAUSE,
    condition_of,
    failure_of,
    keeps_link,
    lost_link,
)

if TYPE_CHECKING:
    from experimentframework_servicebus._connection.errors import Failure

OPTIONS = ServiceBusOptions(
    fully_qualified_namespace="shop.servicebus.windows.net", queue_name="events"
)
SESSIONS = replace(OPTIONS, enable_sessions=True)
NOT_ALLOWED = service_bus.ServiceBusError("no session", condition=b"amqp:not-allowed")
SIGNED_OUT = service_bus.ServiceBusError(
    "Handler failed: no token.", error=ClientAuthenticationError("no token")
)


def meaning(error: Exception, options: ServiceBusOptions = OPTIONS) -> Failure:
    return failure_of(error, "send to", "events", options)


@pytest.mark.parametrize(
    "error",
    [
        service_bus.ServiceBusConnectionError(),
        service_bus.ServiceBusCommunicationError(),
        service_bus.OperationTimeoutError(),
        service_bus.SessionCannotBeLockedError(),
        service_bus.ServiceBusError("broken", condition=b"amqp:internal-error"),
        service_bus.ServiceBusError("Handler failed: 'NoneType' object has no attribute 'x'."),
        TimeoutError(),
    ],
)
def test_what_may_pass_is_tried_again_on_a_new_link(error: Exception) -> None:
    """Given an error that passes, When it is read, Then it is transient and the link in doubt."""
    found = meaning(error)

    assert type(found) is TransientError
    assert found.__cause__ is error
    assert not keeps_link(error)


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (service_bus.ServiceBusServerBusyError(), BUSY_PAUSE),
        (service_bus.ServiceBusQuotaExceededError(), FULL_PAUSE),
    ],
)
def test_back_pressure_asks_for_a_pause(error: Exception, pause: float) -> None:
    """Given a busy service or a full queue, When it is read, Then we wait longer, link and all."""
    found = meaning(error)

    assert type(found) is TransientError
    assert found.retry_after == pause
    assert keeps_link(error)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (service_bus.MessagingEntityNotFoundError(), "it does not exist; create it with: az "),
        (service_bus.MessagingEntityDisabledError(), "it is disabled"),
        (service_bus.ServiceBusAuthorizationError(), "give this key the claim Send"),
        (service_bus.ServiceBusAuthenticationError(), "refuses the application's Azure identity"),
        (SIGNED_OUT, "no Azure identity could sign in"),
        (NOT_ALLOWED, "say enableSessions: true"),
    ],
)
def test_configuration_names_the_entity_and_is_never_a_refusal(error: Exception, says: str) -> None:
    """Given what somebody must change, When it is read, Then it says what, and of which queue."""
    found = meaning(error)

    assert isinstance(found, UnavailableError)
    assert str(found).startswith("cannot send to 'events': ")
    assert says in str(found)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (service_bus.MessageSizeExceededError(), "the event is larger than it takes"),
        (NOT_ALLOWED, "the event is refused"),
        (service_bus.ServiceBusError("no", condition=b"com.microsoft:argument-error"), "refused"),
    ],
)
def test_poison_is_refused_for_ever(error: Exception, says: str) -> None:
    """Given sessions are on, When an event is refused, Then it is for ever, on the same link."""
    found = meaning(error, SESSIONS)

    assert type(found) is PermanentError
    assert says in str(found)
    assert keeps_link(error)


@pytest.mark.parametrize(
    ("options", "command"),
    [
        (OPTIONS, "queue create --resource-group RESOURCE_GROUP --namespace-name shop"),
        (SESSIONS, "--enable-session true"),
        (replace(OPTIONS, queue_name=None, topic_name="events"), "topic create "),
        (
            ServiceBusOptions(
                connection_string=Secret(
                    "Endpoint=sb://mill.servicebus.windows.net/;SharedAccessKeyName=k;"
                    "SharedAccessKey=hunter2"
                )
            ),
            "--namespace-name mill --name events",
        ),
    ],
)
def test_what_is_missing_comes_with_what_creates_it(
    options: ServiceBusOptions, command: str
) -> None:
    """Given a missing queue or topic, When it is read, Then the command of az is there."""
    found = str(meaning(service_bus.MessagingEntityNotFoundError(), options))

    assert command in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (service_bus.ServiceBusConnectionError(), True),
        (service_bus.ServiceBusError("Handler failed: closed."), True),
        (service_bus.OperationTimeoutError(), False),
        (service_bus.ServiceBusServerBusyError(), False),
        (service_bus.MessagingEntityNotFoundError(), False),
        (TimeoutError(), False),
    ],
)
def test_a_lost_link_is_known(error: Exception, lost: bool) -> None:  # noqa: FBT001
    """Given an error, When a new link would help at once, Then it is said."""
    found = lost_link(error)

    assert found is lost


def test_the_condition_is_read_from_the_text() -> None:
    """Given errors with and without, When the condition is asked for, Then it is there or None."""
    found = [condition_of(NOT_ALLOWED), condition_of(TimeoutError())]

    assert found == ["amqp:not-allowed", None]
