"""Tables of events in Markdown, made from the payload classes and their docstrings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import NODEFAULT

from experimentframework_core import Envelope
from experimentframework_core.config._schema.docstrings import lead, meanings
from experimentframework_core.config._walk.describe import expected
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.events import Payload, event_type_of, routing_limits, utc_now

if TYPE_CHECKING:
    import msgspec
    from msgspec import inspect

HEAD = "| field | on the wire | value | default | meaning |\n|---|---|---|---|---|"
SHORT = {"a date and time as in 2026-01-31T12:00:00Z": "a time", "any": "a payload"}
NOT_ON_THE_WIRE = {"extra"}
DEFAULTS = {utc_now: "now", bool: "`false`"}


def fields(what: str) -> str:
    """Return the table of the ``envelope``, or a heading and a table for each built-in type."""
    if what == "envelope":
        return _table(Envelope)
    return "\n".join(_section(payload) for payload in _built_in())


def _built_in() -> list[type[msgspec.Struct]]:
    found = Payload.__subclasses__()
    return [each for each in found if each.__module__ == Payload.__module__]


def _section(payload: type[msgspec.Struct]) -> str:
    registered = event_type_of(payload)
    assert registered is not None
    known = f"The class is `{payload.__name__}`, the version `{registered.version}`."
    return f"### `{registered.name}`\n\n{lead(payload)} {known}\n\n{_table(payload)}"


def _table(payload: type[msgspec.Struct]) -> str:
    said = meanings(payload)
    rows = [HEAD]
    for field in fields_of(payload):
        if field.name in NOT_ON_THE_WIRE:
            continue
        cells = (
            f"`{field.name}`",
            f"`{field.encode_name}`",
            _value(field),
            _default(field),
            said[field.name],
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


def _value(field: inspect.Field) -> str:
    value = expected(field.type)
    limit = routing_limits.get(field.name)
    return SHORT.get(value, value) + (f", 1 to {limit} characters" if limit else "")


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    if field.default_factory is not NODEFAULT:
        return DEFAULTS[field.default_factory]
    return ""
