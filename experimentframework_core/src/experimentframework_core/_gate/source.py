"""The source of the functions that seal, as dataclasses and attrs have it.

Eleven fields take a third of the time that a loop over them takes. Every name in capitals, and
every function, is given to the code by `compile_seal`.
"""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from experimentframework_core._gate.redaction import FREE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._gate.admission import Test
    from experimentframework_core._gate.redaction import Redactor
    from experimentframework_core._gate.seal import Steps

_GIVE_UP = "return carefully(event, event_id, correlation_id, metadata)"

# Between two requests a processor forgets this code, and reading it again is what a publish there
# costs. So what is rare stands behind what is not, but for one way out: right behind the tests,
# where they reach it by a short jump, of which Python 3.11 makes one step with a comparison.
_FRAME = f"""\
def seal(event, event_id, correlation_id, metadata):
    try:
{{fields}}
        if not (
            {{tests}}
        ):
            {_GIVE_UP}
{{work}}
    except (TypeError, ValueError):  # UnicodeError is one, where text has no UTF-8
        pass
    {_GIVE_UP}
"""

_BESIDE = """\
(metadata is None or type(metadata) is dict and is_plain(metadata))
            and (correlation_id is None
                 or type(correlation_id) is str and correlation_id
                 and len(correlation_id) <= CORRELATION_LIMIT)\
"""

_FEW = """\
try:
    f_{0} = KNOWN_{0}[f_{0}]
except KeyError:
    f_{0} = meet_{0}(f_{0})
"""

_FREE = """\
if f_{0}:
    for key, value in f_{0}.items():
        kind = type(value)
        if kind is not str and kind is not int and kind not in PLAIN or type(key) is not str:
            expect_plain(f_{0})
            break
"""

_SAMPLE = """\
if f_subject_id is not None:
    keyed = KEYED()  # as `Sampler.keeps`, without the call
    keyed.update(f_subject_id.encode())
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

_WRITE = """\
try:
    buffer = BUFFERS.pop()  # nobody else has it now, in whichever thread
except IndexError:
    buffer = bytearray(1024)
encode_into(Sealed(event_id, {timestamp}, EVENT_TYPE, VERSION, {payload},
                   correlation_id, {facts}, {traceparent}), buffer)
if len(buffer) > MAX_BYTES:
    raise too_large(len(buffer), MAX_BYTES)
body = b"" + buffer  # bytes(buffer) takes twice the time
BUFFERS.append(buffer)
return Record(body, EVENT_TYPE, VERSION, {routing}, correlation_id, {traceparent})
"""


def source_of(tests: dict[str, Test], steps: Steps, hidden: tuple[str, ...]) -> str:
    """Return the source of a function ``seal``.

    Args:
        tests: How each field of the payload class is tested.
        steps: What is done to an event.
        hidden: The fields that are hidden.
    """
    sources = [_BESIDE, *map(_test_source, tests, tests.values())]
    return _FRAME.format(
        fields=indent("\n".join(f"f_{name} = event.{name}" for name in tests), " " * 8),
        tests=f"\n{' ' * 12}and ".join(filter(None, sources)),
        work=indent("".join(_work(tests, steps, hidden)).rstrip(), " " * 8),
    )


def _test_source(name: str, test: Test) -> str | None:
    if test.free:
        none = f"f_{name} is None or " if test.optional else ""
        return f"({none}type(f_{name}) is dict)"
    return f"({test.source})" if test.source else None


def _work(tests: dict[str, Test], steps: Steps, hidden: tuple[str, ...]) -> Iterator[str]:
    """Yield what is done with an event whose fields are of the right types."""
    yield from (_FEW.format(name) for name, test in tests.items() if test.few)
    yield from (_FREE.format(name) for name, test in tests.items() if test.free)
    changes = steps.sampler is not None or steps.redactor is not None
    if changes:
        yield "payload = event\nfacts = metadata\n"
    if steps.sampler is not None and "subject_id" in tests:
        yield _SAMPLE
    yield from _redaction(tests, steps.redactor, hidden) if steps.redactor else ()
    yield _TRACE if steps.traceparent else ""
    variant = "new_variant_key" if "new_variant_key" in tests else "variant_key"
    wanted = ("experiment_name", variant, "subject_id", "tenant_id")
    yield _WRITE.format(
        payload="payload" if changes else "event",
        facts="facts" if changes else "metadata",
        traceparent="traceparent" if steps.traceparent else "None",
        timestamp="f_timestamp" if "timestamp" in tests else "datetime.now(UTC)",
        routing=", ".join(f"f_{name}" if name in tests else "None" for name in wanted),
    )


def _redaction(
    tests: dict[str, Test], redactor: Redactor, hidden: tuple[str, ...]
) -> Iterator[str]:
    free = [name for name in FREE_FIELDS if name in tests]
    yield "if metadata is not None:\n    facts = redact_free(facts)\n"
    for name in hidden:
        yield f"if f_{name} is not None:\n    f_{name} = hide(f_{name})\n"
    for name in free:
        yield f"if f_{name}:\n"
        yield from _free_redaction(f"f_{name}", redactor)
    redacted = " or ".join(f"f_{name} is not event.{name}" for name in free)
    changed = "True" if hidden else redacted
    if changed:
        changes = ", ".join(f"{name}=f_{name}" for name in (*hidden, *free))
        yield f"if {changed}:\n    payload = replace(event, {changes})\n"


FEW_KEYS = 8
"""So many hidden keys are looked up one by one in generated code."""


def _free_redaction(mapping: str, redactor: Redactor) -> Iterator[str]:
    if len(redactor.hidden) > FEW_KEYS:
        yield f"    {mapping} = redact_free({mapping})\n"
        return
    for key in sorted(redactor.hidden):
        value = f"{mapping}[{key!r}]"
        hidden = f"hide({value})" if redactor.placeholder is None else "PLACEHOLDER"
        yield f"    if {key!r} in {mapping}:\n"
        yield f"        {mapping} = {mapping}.copy()\n"
        yield f"        {value} = {hidden}\n"
