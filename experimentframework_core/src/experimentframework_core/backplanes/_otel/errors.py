"""What a collector's answers mean, by a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from experimentframework_core.errors import PermanentError, TransientError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

Failure: TypeAlias = PermanentError | TransientError

_longest = 400

REFUSED_HTTP: Final = frozenset({400, 413, 422})
"""Answers of HTTP that speak of what was sent; a smaller part of it may be taken."""

LATER_HTTP: Final = frozenset({408, 425, 429})
"""Answers below 500 that speak of the moment, as all from 500 on do but those of `MEND_HTTP`."""

MEND_HTTP: Final[Mapping[int, str]] = {
    401: "the collector refuses how we sign in; see headers",
    403: "the collector refuses how we sign in, or what we may send; see headers",
    404: "there is no OTLP at this address; see endpoint, or the collector's receivers",
    405: "there is no OTLP at this address; see endpoint, or the collector's receivers",
    407: "a proxy on the way asks who we are",
    415: "the collector does not take http/protobuf; see protocol",
    501: "the collector has no receiver for this; see traces and logs",
    505: "the collector does not speak HTTP/1.1",
}
"""Answers of HTTP that last until somebody changes something."""

REFUSED_GRPC: Final = frozenset({"INVALID_ARGUMENT", "FAILED_PRECONDITION"})
"""Status codes of gRPC that speak of what was sent."""

MEND_GRPC: Final[Mapping[str, str]] = {
    "UNAUTHENTICATED": "the collector refuses how we sign in; see headers",
    "PERMISSION_DENIED": "the collector refuses what we may send; see headers",
    "UNIMPLEMENTED": "the collector has no receiver for this; see traces, logs and endpoint",
    "NOT_FOUND": "there is no OTLP at this address; see endpoint",
}
"""Status codes of gRPC that last until somebody changes something."""


def http_failure(status: int, said: str, retry_after: float | None, *, doing: str) -> Failure:
    """Return what an answer of HTTP other than 2xx means.

    Args:
        status: The answer's status.
        said: What the collector wrote with it.
        retry_after: The seconds that it asks us to wait, where it does.
        doing: What was attempted.
    """
    told = f"cannot {doing}: the collector answers {status}"
    words = f": {_cut(said)}" if said else ""
    if status in REFUSED_HTTP:
        return PermanentError(f"{told}{words}")
    if status in MEND_HTTP:
        return UnavailableError(f"{told}, {MEND_HTTP[status]}{words}", retry_after=retry_after)
    if status in LATER_HTTP or status >= 500:  # noqa: PLR2004 - the class of status codes
        return TransientError(f"{told}{words}", retry_after=retry_after)
    mend = f"{told}, which is no answer of OTLP; see endpoint{words}"
    return UnavailableError(mend, retry_after=retry_after)


def grpc_failure(code: str, said: str, retry_after: float | None, *, doing: str) -> Failure:
    """Return what a status of gRPC other than OK means; see `http_failure`."""
    told = f"cannot {doing}: {code}"
    words = f": {_cut(said)}" if said else ""
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return UnavailableError(f"{told}, its certificate is not trusted; see cafile{words}")
    # gRPC has one code for what is too large and for what comes too fast.
    too_large = code == "RESOURCE_EXHAUSTED" and "larger than max" in said
    if code in REFUSED_GRPC or too_large:
        return PermanentError(f"{told}{words}")
    if code in MEND_GRPC:
        return UnavailableError(f"{told}, {MEND_GRPC[code]}{words}", retry_after=retry_after)
    return TransientError(f"{told}{words}", retry_after=retry_after)


def rejection(rejected: int, of: int, said: str, *, doing: str) -> PermanentError | None:
    """Return what it means that a collector took a request but not all that was in it.

    It does not say which. So the batch counts as refused: the channel sends its parts again until
    what is to blame is alone. What the collector took comes again then, with the same ids.
    """
    if rejected <= 0:
        return None
    words = f": {_cut(said)}" if said else ""
    return PermanentError(f"cannot {doing}: the collector rejects {rejected} of {of}{words}")


def _cut(said: str) -> str:
    text = " ".join(said.split())
    return text if len(text) <= _longest else f"{text[:_longest]}…"
