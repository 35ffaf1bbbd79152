"""What the errors of Service Bus and its client mean, by a table."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from experimentframework_core.errors import PermanentError, TransientError, UnavailableError
from experimentframework_servicebus._namespace.connection_string import host_of
from experimentframework_servicebus._namespace.creating import creating
from experimentframework_servicebus._namespace.sign_in import why_refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_servicebus._options import ServiceBusOptions

Failure: TypeAlias = TransientError | PermanentError
Tables: TypeAlias = "tuple[Mapping[str, tuple[str, float]], Mapping[str, str]]"


class MissingError(UnavailableError):
    """There is no such queue, topic or subscription."""


BUSY_PAUSE: Final = 10.0
"""Seconds to leave a busy service alone: what Microsoft's documentation asks for."""

FULL_PAUSE: Final = 30.0
"""Seconds to wait for consumers to make room."""

PRESSURE: Final[Mapping[str, tuple[str, float]]] = {
    "ServiceBusServerBusyError": ("the service is busy and asks for a pause", BUSY_PAUSE),
    "ServiceBusQuotaExceededError": (
        "it is full, or the namespace has too many connections; events wait for room",
        FULL_PAUSE,
    ),
}
"""Errors with which the service asks us to slow down, with the seconds to wait at least."""

CONFIGURATION: Final[Mapping[str, str]] = {
    "MessagingEntityNotFoundError": "it does not exist",
    "MessagingEntityDisabledError": "it is disabled, or disabled for sending; enable it",
    "ServiceBusAuthorizationError": "we may not send to it; give this key the claim Send, or this "
    "identity the role Azure Service Bus Data Sender",
    "ServiceBusAuthenticationError": "the service refuses how we sign in",
    "ClientAuthenticationError": "no Azure identity could sign in; see azure-identity",
}
"""Errors that last until somebody changes something."""

NOT_ALLOWED: Final = "amqp:not-allowed"
"""The condition with which the service refuses who asks for no session, or for one; and others."""

REFUSED: Final = frozenset(
    {
        NOT_ALLOWED,
        "amqp:invalid-field",
        "amqp:not-implemented",
        "amqp:precondition-failed",
        "com.microsoft:argument-error",
        "com.microsoft:argument-out-of-range",
        "com.microsoft:operation-not-supported",
    }
)
"""Conditions that speak of what was sent."""

_STAY: Final = frozenset({"MessagingEntityNotFoundError", "MessagingEntityDisabledError"})
# What the client says when it goes on with a connection that has gone meanwhile.
_LOST_CONNECTION = re.compile(r"Handler failed: 'NoneType' object has no attribute '\w+'")
_CONDITION = re.compile(r"Error condition: ([\w.:-]+?)\.?(?:\s|$)")


def condition_of(error: BaseException) -> str | None:
    """Return the condition of AMQP that an error of the client names; None if it names none."""
    found = _CONDITION.search(str(error))
    return found[1] if found else None


def refuses_content(error: BaseException) -> bool:
    """Return whether what was sent is refused, and something else might not be."""
    if too_large(error):
        return True
    return names_of(error).isdisjoint(CONFIGURATION) and condition_of(error) in REFUSED


def too_large(error: BaseException) -> bool:
    """Return whether what was sent is too large."""
    return "MessageSizeExceededError" in names_of(error)


def keeps_link(error: BaseException) -> bool:
    """Return whether a sender that has this error is as good as before.

    After every other one it is in doubt whether what was sent arrived, and it is replaced.
    """
    return refuses_content(error) or not names_of(error).isdisjoint(PRESSURE)


def lost_link(error: BaseException) -> bool:
    """Return whether the connection or the link had gone, so that a new one may do.

    The service takes links away that are idle for ten minutes, or whose token has expired; a new
    link comes with a new token.
    """
    names = names_of(error)
    return not isinstance(error, TimeoutError) and names.isdisjoint(
        {"OperationTimeoutError", *_STAY, *PRESSURE}
    )


def speaks_of_sessions(error: BaseException) -> bool:
    """Return whether what is not allowed is to have a session, or none."""
    return condition_of(error) == NOT_ALLOWED and "session" in str(error).lower()


def takes_no_batches(error: BaseException) -> bool:
    """Return whether a queue or topic takes one message at a time.

    The service says so of those that have both partitions and duplicate detection. Its error has
    no condition of its own.
    """
    text = str(error).lower()
    return "partition" in text and "duplicate detection" in text


def is_missing(error: UnavailableError) -> bool:
    """Return whether what this speaks of does not exist."""
    cause = error.__cause__
    return cause is not None and "MessagingEntityNotFoundError" in names_of(cause)


def failure_of(
    error: BaseException, doing: str, entity: str, options: ServiceBusOptions
) -> Failure:
    """Return what an error means to the channel.

    Args:
        error: The error of the client; the result says what it says.
        doing: What was attempted, as in ``send to``.
        entity: The queue or topic.
        options: Where it is, and whether sessions are on.
    """
    said = _meaning(error, f"cannot {doing} '{entity}'", entity, options)
    said.__cause__ = error
    return said


def _meaning(
    error: BaseException, failure: str, entity: str, options: ServiceBusOptions
) -> Failure:
    create = creating(entity, options)
    if said := listed(error, failure, (PRESSURE, CONFIGURATION), create, options):
        return said
    if refuses_content(error):
        return _refusal(error, f"{failure}: ", f" ({details_of(error)})", options)
    return no_answer(error, failure, options)


def listed(
    error: BaseException, failure: str, tables: Tables, create: str, options: ServiceBusOptions
) -> TransientError | None:
    """Return what an error means by tables like `PRESSURE` and `CONFIGURATION`; None by neither.

    Args:
        error: The error of the client.
        failure: What failed, as in ``cannot send to 'events'``.
        tables: The two.
        create: What creates the queue, topic or subscription.
        options: How we sign in.
    """
    names, details = names_of(error), details_of(error)
    pressure, configuration = tables
    for name in names & pressure.keys():
        why, pause = pressure[name]
        return TransientError(f"{failure}: {why} ({details})", retry_after=pause)
    for name in names & configuration.keys():
        why, kind = configuration[name], UnavailableError
        if name == "MessagingEntityNotFoundError":
            why, kind = f"{why}; {create}", MissingError
        elif name == "ServiceBusAuthenticationError":
            why = why_refused(options, datetime.now(UTC))
        return kind(f"{failure}: {why} ({details})")
    return None


def no_answer(error: BaseException, failure: str, options: ServiceBusOptions) -> TransientError:
    """Return what any other error means: that nothing answers, and why as far as it says."""
    host, details = host_of(options), details_of(error)
    if isinstance(error, TimeoutError):
        return TransientError(f"{failure}: no answer in time from {host}")
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return UnavailableError(
            f"{failure}: the certificate of {host} is not trusted; cafile names who may vouch for "
            f"it ({details})"
        )
    if "ServiceBusConnectionError" in names_of(error):
        return TransientError(f"{failure}: no connection to {host} ({details})")
    return TransientError(f"{failure}: {details}")


def _refusal(
    error: BaseException, failure: str, details: str, options: ServiceBusOptions
) -> Failure:
    if too_large(error):
        return PermanentError(f"{failure}the event is larger than it takes{details}")
    if not options.enable_sessions and condition_of(error) == NOT_ALLOWED:
        return UnavailableError(
            f"{failure}it refuses messages without a session; if it requires sessions, say "
            f"enableSessions: true{details}"
        )
    return PermanentError(f"{failure}the event is refused{details}")


def names_of(error: BaseException) -> set[str]:
    """Return the names of the error's classes, and of those of what the client wraps in it."""
    inner = getattr(error, "inner_exception", None)
    kinds = [*type(error).__mro__, *(type(inner).__mro__ if inner is not None else ())]
    return {kind.__name__ for kind in kinds}


def details_of(error: BaseException) -> str:
    """Return the error's name and text, in one line."""
    text = _LOST_CONNECTION.sub("the connection was lost", " ".join(str(error).split()))
    name = type(error).__name__
    return f"{name}: {text}".removesuffix(": ")
