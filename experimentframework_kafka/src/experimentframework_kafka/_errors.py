"""What the errors of Kafka and its client mean, by a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from experimentframework_core.errors import (
    PermanentError,
    TransientError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD: Final[Mapping[int, str]] = {
    10: "the brokers refuse it as too large",
    18: "the brokers refuse it as larger than a segment of the topic",
    32: "its time is outside what the topic takes (message.timestamp.before.max.ms, after.max.ms)",
    87: "the brokers refuse it as an invalid record",
}
"""Codes that speak of a record: it is refused for ever, and only it."""

CONFIGURATION: Final[Mapping[int, str]] = {
    17: "the brokers refuse the topic's name",
    21: "the brokers do not know this value of acks",
    29: "this user may not write to the topic; give it the right WRITE",
    31: "this user may not write with idempotence; give it the right WRITE on the topics, before "
    "Kafka 2.8 IDEMPOTENT_WRITE on the cluster, or say enableIdempotence: false",
    33: "the brokers do not know this mechanism; see security.mechanism",
    34: "the brokers expect to be signed in to; see security.protocol",
    35: "the brokers are too old for this client; Kafka 0.11 or newer is needed, 2.1 for zstd",
    42: "the brokers refuse the request as malformed",
    43: "the topic's message format is too old for headers",
    44: "a policy of the brokers refuses it",
    58: "the brokers refuse the user or the password; see security.username",
}
"""Codes that speak of the configuration: nothing arrives until somebody changes it."""

LOST_STATE: Final = frozenset({45, 47, 49, 59, 90})
"""Codes with which the brokers say that they do not know this producer any more."""


def code_of(error: BaseException) -> int | None:
    """Return Kafka's number of an error; None where it is the client's own."""
    code = getattr(error, "errno", None)
    return code if isinstance(code, int) and not isinstance(error, OSError) else None


def refuses_a_record(error: BaseException) -> bool:
    """Return whether a batch failed because of a record in it."""
    return code_of(error) in RECORD


def ends_a_producer(error: BaseException) -> bool:
    """Return whether the producer that has this error may never deliver again.

    The client's own errors say that it does not reach the brokers that it knows; others may be
    there.
    """
    code = code_of(error)
    return code is None or code in LOST_STATE


def delivery_error(
    error: BaseException, doing: str
) -> UnavailableError | TransientError | PermanentError:
    """Return what an error means to the channel.

    Args:
        error: The error of the client; the result says what it says.
        doing: What was attempted, as in ``deliver to topic 'seen'``.
    """
    code = code_of(error)
    said: UnavailableError | TransientError | PermanentError
    if code is not None and code in RECORD:
        said = PermanentError(f"cannot {doing}: {RECORD[code]} ({_said(error)})")
    elif code is not None and code in CONFIGURATION:
        said = UnavailableError(f"cannot {doing}: {CONFIGURATION[code]} ({_said(error)})")
    elif getattr(error, "explained", False):
        said = UnavailableError(f"cannot {doing}: {error}")
    else:
        said = TransientError(f"cannot {doing}: {_said(error)}")
    said.__cause__ = error
    return said


def _said(error: BaseException) -> str:
    text = str(error)
    name = type(error).__name__
    return text if name in text else f"{name}: {text}".removesuffix(": ")
