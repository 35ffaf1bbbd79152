"""What the errors of Service Bus and its client mean to who reads or receives, by a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_servicebus._connection.errors import (
    CONFIGURATION,
    FULL_PAUSE,
    NOT_ALLOWED,
    PRESSURE,
    condition_of,
    details_of,
    listed,
    names_of,
    no_answer,
    speaks_of_sessions,
)
from experimentframework_servicebus._namespace.creating import creating, creating_subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions

_PRESSURE: Final[Mapping[str, tuple[str, float]]] = {
    **PRESSURE,
    "ServiceBusQuotaExceededError": ("the namespace has too many connections", FULL_PAUSE),
}

_CONFIGURATION: Final[Mapping[str, str]] = {
    **CONFIGURATION,
    "MessagingEntityDisabledError": "it is disabled, or disabled for receiving; enable it",
    "ServiceBusAuthorizationError": "we may not read it; give this key the claim Listen, or this "
    "identity the role Azure Service Bus Data Receiver",
}

_LOST: Final[Mapping[str, str]] = {
    "MessageLockLostError": "its lock is lost, so it comes again",
    "SessionLockLostError": "the session is lost; what was not settled comes again",
    "SessionCannotBeLockedError": "somebody else has the session",
}


_OTHER_KIND = (
    "nothing can be received from it; if it is a topic, say topicName and subscriptionName"
)


def reading_failure(
    error: BaseException, doing: str, place: Place, options: ServiceBusOptions
) -> TransientError:
    """Return what an error means to who reads.

    Args:
        error: The error of the client; the result says what it says.
        doing: What was attempted, as in ``read``.
        place: The queue or subscription.
        options: Where it is, and whether sessions are on.
    """
    said = _meaning(error, f"cannot {doing} '{place}'", place, options)
    said.__cause__ = error
    return said


def _meaning(
    error: BaseException, failure: str, place: Place, options: ServiceBusOptions
) -> TransientError:
    details = details_of(error)
    for name in names_of(error) & _LOST.keys():
        return TransientError(f"{failure}: {_LOST[name]} ({details})")
    tables = _PRESSURE, _CONFIGURATION
    if said := listed(error, failure, tables, _creating(place, options), options):
        return said
    if condition_of(error) == NOT_ALLOWED:
        why = _other_sessions(options) if speaks_of_sessions(error) else _OTHER_KIND
        return UnavailableError(f"{failure}: {why} ({details})")
    return no_answer(error, failure, options)


def _creating(place: Place, options: ServiceBusOptions) -> str:
    if place.subscription is None:
        return creating(place.entity, options)
    return creating_subscription(place, options)


def _other_sessions(options: ServiceBusOptions) -> str:
    if options.enable_sessions:
        return "if it has no sessions, say enableSessions: false"
    return "if it requires sessions, say enableSessions: true"
