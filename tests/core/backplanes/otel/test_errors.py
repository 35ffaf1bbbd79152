"""What a collector's answers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.backplanes._otel.errors import (
    grpc_failure,
    http_failure,
    rejection,
)
from experimentframework_core.errors import PermanentError, TransientError, UnavailableError

if TYPE_CHECKING:
    from experimentframework_core.errors import DeliveryError

DOING = "export 3 events to http://collector:4318"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PermanentError),
        (413, PermanentError),
        (422, PermanentError),
        (408, TransientError),
        (429, TransientError),
        (500, TransientError),
        (502, TransientError),
        (503, TransientError),
        (504, TransientError),
        (401, UnavailableError),
        (403, UnavailableError),
        (404, UnavailableError),
        (501, UnavailableError),
        (302, UnavailableError),
        (418, UnavailableError),
    ],
)
def test_answers_of_http(status: int, kind: type[DeliveryError]) -> None:
    """Given a status, When its meaning is asked for, Then it is that, and the text has both."""
    error = http_failure(status, "why  \n not", 3.0, doing=DOING)

    assert type(error) is kind
    assert str(error).startswith(f"cannot {DOING}: the collector answers {status}")
    assert str(error).endswith(": why not")
    assert getattr(error, "retry_after", 3.0) == 3.0


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        ("INVALID_ARGUMENT", "", PermanentError),
        ("RESOURCE_EXHAUSTED", "grpc: received message larger than max", PermanentError),
        ("RESOURCE_EXHAUSTED", "too many requests", TransientError),
        ("UNAVAILABLE", "", TransientError),
        ("DEADLINE_EXCEEDED", "", TransientError),
        ("OUT_OF_RANGE", "", TransientError),
        ("INTERNAL", "", TransientError),
        ("UNKNOWN", "", TransientError),
        ("UNAUTHENTICATED", "", UnavailableError),
        ("PERMISSION_DENIED", "", UnavailableError),
        ("UNIMPLEMENTED", "", UnavailableError),
    ],
)
def test_answers_of_grpc(code: str, said: str, kind: type[DeliveryError]) -> None:
    """Given a status code, When its meaning is asked for, Then it is that."""
    error = grpc_failure(code, said, None, doing=DOING)

    assert type(error) is kind
    assert code in str(error)


def test_rejected_items_are_a_refusal() -> None:
    """Given an answer that rejects some, When it is understood, Then the batch is refused."""
    error = rejection(2, 3, "too old", doing=DOING)

    assert type(error) is PermanentError
    assert str(error) == f"cannot {DOING}: the collector rejects 2 of 3: too old"


@pytest.mark.parametrize("rejected", [0, -1])
def test_a_warning_alone_is_no_refusal(rejected: int) -> None:
    """Given an answer that only says something, When its meaning is asked for, Then it is none."""
    error = rejection(rejected, 3, "send less often", doing=DOING)

    assert error is None


def test_a_long_text_is_cut() -> None:
    """Given a page of HTML, When an error is made of it, Then it is short."""
    error = http_failure(503, "x" * 10_000, None, doing=DOING)

    assert len(str(error)) < 600
