"""The source of the functions that seal, as dataclasses and attrs have it.

Eleven fields take a third of the time that a loop over them takes. Every name in capitals, and
every function, is given to the code by `compile_seal`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._gate.redaction import FREE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._gate.admission import Test
    from experimentframework_core._gate.redaction import Redactor
    from experimentframework_core._gate.seal import Steps

_GIVE_UP = "return carefully(event, event_id, correlation_id, metadata)"

_FREE = f"""\
    f_{{0}} = event.{{0}}
    if f_{{0}} is not {{1}}:
        if type(f_{{0}}) is not dict:
            {_GIVE_UP}
        for key, value in f_{{0}}.items():
            kind = type(value)
            if kind is not str and kind is not int and kind not in PLAIN or type(key) is not str:
                if not is_plain(f_{{0}}):
                    {_GIVE_UP}
                break
"""

_FEW = f"""\
    f_{{0}} = event.{{0}}
    try:
        f_{{0}} = KNOWN_{{0}}[f_{{0}}]
    except (KeyError, TypeError):  # not known, or not hashable
        f_{{0}} = meet_{{0}}(f_{{0}})
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

_TRACE = """\
    here = current_context()  # as `Traceparent`, without the call
    known, traceparent = trace.last
    if here is not known:
        traceparent = trace.of(here)
"""

_WRITE = f"""\
    try:
        buffer = BUFFERS.pop()  # nobody else has it now, in whichever thread
    except IndexError:
        buffer = bytearray(1024)
    try:
        encode_into(Sealed(event_id, {{timestamp}}, EVENT_TYPE, VERSION, payload,
                           correlation_id, facts, traceparent), buffer)
    except (UnicodeError, TypeError, ValueError):
        {_GIVE_UP}
    if len(buffer) > MAX_BYTES:
        raise too_large(len(buffer), MAX_BYTES)
    body = bytes(buffer)
    BUFFERS.append(buffer)
    return Record(body, EVENT_TYPE, VERSION, {{routing}}, correlation_id, traceparent)
"""


def source_of(tests: dict[str, Test], steps: Steps, hidden: tuple[str, ...]) -> str:
    """Return the source of a function ``seal``.

    Args:
        tests: How each field of the payload class is tested.
        steps: What is done to an event.
        hidden: The fields that are hidden.
    """
    return "".join(_parts(tests, steps, hidden))


def _parts(tests: dict[str, Test], steps: Steps, hidden: tuple[str, ...]) -> Iterator[str]:
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
    yield _TRACE if steps.traceparent else "    traceparent = None\n"
    variant = "new_variant_key" if "new_variant_key" in tests else "variant_key"
    wanted = ("experiment_name", variant, "subject_id", "tenant_id")
    yield _WRITE.format(
        timestamp="f_timestamp" if "timestamp" in tests else "datetime.now(UTC)",
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
