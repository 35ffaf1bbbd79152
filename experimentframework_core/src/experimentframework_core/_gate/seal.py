"""Sealing, compiled once for each payload class: check, sample, redact, encode."""

from __future__ import annotations

from datetime import UTC, datetime
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._gate.admission import (
    FEW,
    PLAIN,
    Names,
    expect_plain,
    is_plain,
    tests_of,
)
from experimentframework_core._gate.redaction import Redactor
from experimentframework_core._gate.sampling import Sampler
from experimentframework_core._gate.source import source_of
from experimentframework_core._gate.trace import Traceparent
from experimentframework_core.envelope import Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import routing_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.events import EventType

    Seal = Callable[
        [msgspec.Struct, str, str | None, dict[str, Any] | None],
        Record | None,
    ]
    """(event, event id, correlation id, metadata) -> its record; None when not sampled."""


class Sealed(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The envelope as it is written: `Envelope` without what only reading needs, positional."""

    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: msgspec.Struct
    correlation_id: str | None = None
    metadata: dict[str, Any] | None = None
    traceparent: str | None = None


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to an event on its way.

    Attributes:
        max_bytes: Most bytes of one encoded event.
        sampler: Decides by the subject; None keeps all.
        redactor: Hides; None hides nothing.
        traceparent: Gives the current trace context; None when there is never any.
    """

    max_bytes: int
    sampler: Sampler | None = None
    redactor: Redactor | None = None
    traceparent: Traceparent | None = None


def too_large(size: int, limit: int) -> InvalidEventError:
    """Return the error for an event that is longer than ``maxEventBytes``."""
    message = f"the event is {size} bytes long, over the limit of {limit} (maxEventBytes)"
    return InvalidEventError(message)


def compile_seal(registered: EventType, steps: Steps, *, carefully: Seal) -> Seal:
    """Return a function that seals events of one class; what it is not sure of goes to another.

    Args:
        registered: The event type.
        steps: What is done to an event.
        carefully: Seals what is not plainly good, from the start, or raises InvalidEventError.
    """
    tests = tests_of(registered.payload)
    if tests is None:
        return carefully
    hidden = steps.redactor.hidden_fields(registered.payload) if steps.redactor else ()
    source = source_of(tests, steps, hidden)
    names = {name: Names(routing_limits[name]) for name in FEW if name in tests}
    namespace = {
        **{f"KIND_{name}": test.cls for name, test in tests.items()},
        **{f"KNOWN_{name}": each.known for name, each in names.items()},
        **{f"meet_{name}": each.meet for name, each in names.items()},
        **_constants(registered, steps),
        "carefully": carefully,
    }
    exec(source, namespace)  # noqa: S102 - made of field names, which are identifiers
    seal: Seal = namespace["seal"]
    return seal


def _constants(registered: EventType, steps: Steps) -> dict[str, Any]:
    sampler, redactor = steps.sampler, steps.redactor
    trace = steps.traceparent
    return {
        "BUFFERS": [],
        "CORRELATION_LIMIT": routing_limits["correlation_id"],
        "EVENT_TYPE": intern(registered.name),
        "FACTS": msgspec.Raw(msgspec.json.encode(sampler.facts)) if sampler else None,
        "KEYED": sampler.keyed if sampler else None,
        "MAX_BYTES": steps.max_bytes,
        "PLACEHOLDER": redactor.placeholder if redactor else None,
        "PLAIN": PLAIN,
        "Record": Record,
        "Sealed": Sealed,
        "THRESHOLD": sampler.threshold if sampler else None,
        "UTC": UTC,
        "VERSION": intern(registered.version),
        "current_context": trace.current_context if trace else None,
        "datetime": datetime,
        "encode_into": msgspec.json.Encoder().encode_into,
        "expect_plain": expect_plain,
        "hide": redactor.hide if redactor else None,
        "is_plain": is_plain,
        "note": sampler.note if sampler else None,
        "redact_free": redactor.redact_free if redactor else None,
        "replace": msgspec.structs.replace,
        "too_large": too_large,
        "trace": trace,
    }
