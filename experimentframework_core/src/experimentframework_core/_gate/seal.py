"""Sealing, compiled once for each payload class: check, sample, redact, encode."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._gate.admission import FEW, PLAIN, Names, is_plain, tests_of
from experimentframework_core._gate.redaction import FREE_FIELDS, Redactor
from experimentframework_core._gate.sampling import Sampler
from experimentframework_core.envelope import Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import routing_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._gate.admission import Test
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
    traceparent: Callable[[], str | None] | None = None


def too_large(size: int, limit: int) -> InvalidEventError:
    """Return the error for an event that is longer than ``maxEventBytes``."""
    message = f"the event is {size} bytes long, over the limit of {limit} (maxEventBytes)"
    return InvalidEventError(message)


def compile_seal(registered: EventType, steps: Steps, *, carefully: Seal) -> Seal:
    """Return a function that seals events of one class; what it is not sure of goes to another.

    The function is generated source, as dataclasses and attrs have it: eleven fields take a
    third of the time that a loop over them takes.

    Args:
        registered: The event type.
        steps: What is done to an event.
        carefully: Seals what is not plainly good, from the start, or raises InvalidEventError.
    """
    tests = tests_of(registered.payload)
    if tests is None:
        return carefully
    hidden = steps.redactor.hidden_fields(registered.payload) if steps.redactor else ()
    source = "".join(_source(tests, steps, hidden))
    namespace = {
        **{f"KIND_{name}": test.cls for name, test in tests.items()},
        **{f"NAMES_{name}": Names(routing_limits[name]) for name in FEW if name in tests},
        **_constants(registered, steps),
        "carefully": carefully,
    }
    exec(source, namespace)  # noqa: S102 - made of field names, which are identifiers
    seal: Seal = namespace["seal"]
    return seal


def _constants(registered: EventType, steps: Steps) -> dict[str, Any]:
    sampler, redactor = steps.sampler, steps.redactor
    return {
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
        "datetime": datetime,
        "encode": msgspec.json.Encoder().encode,
        "hide": redactor.hide if redactor else None,
        "is_plain": is_plain,
        "note": sampler.note if sampler else None,
        "redact_free": redactor.redact_free if redactor else None,
        "replace": msgspec.structs.replace,
        "too_large": too_large,
        "traceparent_now": steps.traceparent,
    }


_GIVE_UP = "return carefully(event, event_id, correlation_id, metadata)"

_FREE = f"""\
    f_{{0}} = event.{{0}}
    if f_{{0}} is not {{1}}:
        if type(f_{{0}}) is not dict:
            {_GIVE_UP}
        for key, value in f_{{0}}.items():
            if type(value) not in PLAIN or type(key) is not str:
                if not is_plain(f_{{0}}):
                    {_GIVE_UP}
                break
"""

_FEW = f"""\
    try:
        f_{{0}} = NAMES_{{0}}[event.{{0}}]
    except TypeError:  # not hashable
        {_GIVE_UP}
    if f_{{0}} is None:
        {_GIVE_UP}
"""

_OTHER = f"""\
    f_{{0}} = event.{{0}}
    if not ({{1}}):
        {_GIVE_UP}
"""

_BESIDE = f"""\
    facts = metadata
    if metadata is not None and not (type(metadata) is dict and is_plain(metadata)):
        {_GIVE_UP}
    if correlation_id is not None and not (
        type(correlation_id) is str and 0 < len(correlation_id) <= CORRELATION_LIMIT
    ):
        {_GIVE_UP}
"""

_SAMPLE = f"""\
    if f_subject_id is not None:
        keyed = KEYED()  # as `Sampler.keeps`, without the call
        try:
            keyed.update(f_subject_id.encode())
        except UnicodeError:
            {_GIVE_UP}
        if keyed.digest() >= THRESHOLD:
            return None
        facts = FACTS if metadata is None else note(metadata)
"""

_WRITE = f"""\
    traceparent = {{traceparent}}
    try:
        body = encode(Sealed(event_id, {{timestamp}}, EVENT_TYPE, VERSION, payload,
                             correlation_id, facts, traceparent))
    except (UnicodeError, TypeError, ValueError):
        {_GIVE_UP}
    if len(body) > MAX_BYTES:
        raise too_large(len(body), MAX_BYTES)
    return Record(body, EVENT_TYPE, VERSION, {{routing}}, correlation_id, traceparent)
"""


def _source(tests: dict[str, Test], steps: Steps, hidden: tuple[str, ...]) -> Iterator[str]:
    yield "def seal(event, event_id, correlation_id, metadata):\n"
    for name, test in tests.items():
        if test.few:
            yield _FEW.format(name)
        elif test.free:
            yield _FREE.format(name, "None" if test.optional else "...")
        else:
            yield _OTHER.format(name, test.source)
    yield _BESIDE
    if steps.sampler is not None and "subject_id" in tests:
        yield _SAMPLE
    yield from _redaction(tests, steps, hidden)
    variant = "new_variant_key" if "new_variant_key" in tests else "variant_key"
    wanted = ("experiment_name", variant, "subject_id", "tenant_id")
    yield _WRITE.format(
        timestamp="f_timestamp" if "timestamp" in tests else "datetime.now(UTC)",
        traceparent="None" if steps.traceparent is None else "traceparent_now()",
        routing=", ".join(f"f_{name}" if name in tests else "None" for name in wanted),
    )


def _redaction(tests: dict[str, Test], steps: Steps, hidden: tuple[str, ...]) -> Iterator[str]:
    yield "    payload = event\n"
    if steps.redactor is None:
        return
    free = [name for name in FREE_FIELDS if name in tests]
    yield "    if metadata is not None:\n        facts = redact_free(facts)\n"
    for name in hidden:
        yield f"    if f_{name} is not None:\n        f_{name} = hide(f_{name})\n"
    for name in free:
        yield f"    if f_{name}:\n"
        yield from _free_redaction(f"f_{name}", steps.redactor)
    redacted = " or ".join(f"f_{name} is not event.{name}" for name in free)
    changed = "True" if hidden else redacted
    if changed:
        changes = ", ".join(f"{name}=f_{name}" for name in (*hidden, *free))
        yield f"    if {changed}:\n        payload = replace(event, {changes})\n"


FEW_KEYS = 8
"""So many hidden keys are looked up one by one in generated code."""


def _free_redaction(mapping: str, redactor: Redactor) -> Iterator[str]:
    if len(redactor.hidden) > FEW_KEYS:
        yield f"        {mapping} = redact_free({mapping})\n"
        return
    for key in sorted(redactor.hidden):
        value = f"{mapping}[{key!r}]"
        hidden = f"hide({value})" if redactor.placeholder is None else "PLACEHOLDER"
        yield f"        if {key!r} in {mapping}:\n"
        yield f"            {mapping} = {mapping}.copy()\n"
        yield f"            {value} = {hidden}\n"
