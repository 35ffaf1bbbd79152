"""What the errors of Service Bus and its client mean to who reads or receives, by a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_servicebus._entities import creating, creating_subscription
from experimentframework_servicebus._errors import (
    CONFIGURATION,
    FULL_PAUSE,
    PRESSURE,
    condition_of,
    details_of,
    names_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_servicebus._entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions

NOT_ALLOWED: Final = "amqp:not-allowed"
"""The condition with which the service refuses who asks for no session, or for one."""

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


class MissingError(UnavailableError):
    """There is no such queue or subscription."""


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
    names, details = names_of(error), details_of(error)
    for name in names & _PRESSURE.keys():
        why, pause = _PRESSURE[name]
        return TransientError(f"{failure}: {why} ({details})", retry_after=pause)
    for name in names & _LOST.keys():
        return TransientError(f"{failure}: {_LOST[name]} ({details})")
    for name in names & _CONFIGURATION.keys():
        why, kind = _CONFIGURATION[name], UnavailableError
        if name == "MessagingEntityNotFoundError":
            why, kind = f"{why}; {_creating(place, options)}", MissingError
        return kind(f"{failure}: {why} ({details})")
    if condition_of(error) == NOT_ALLOWED:
        return UnavailableError(f"{failure}: {_other_sessions(options)} ({details})")
    why = "no answer in time" if isinstance(error, TimeoutError) else details
    return TransientError(f"{failure}: {why}")


def _creating(place: Place, options: ServiceBusOptions) -> str:
    if place.subscription is None:
        return creating(place.entity, options)
    return creating_subscription(place, options)


def _other_sessions(options: ServiceBusOptions) -> str:
    if options.enable_sessions:
        return "if it has no sessions, say enableSessions: false"
    return "if it requires sessions, say enableSessions: true"
