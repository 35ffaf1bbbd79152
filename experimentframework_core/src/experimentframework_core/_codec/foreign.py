"""Events written by others: the spellings of the .NET ExperimentFramework, read as our own."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from experimentframework_core._codec.normal import fields_of
from experimentframework_core.events import built_in_types, event_type_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import msgspec

P = TypeVar("P")

_renamed: dict[str, dict[str, str]] = {
    "outcome": {"trialKey": "variantKey", "metricName": "name", "metadata": "attributes"}
}
_ignored: dict[str, tuple[str, ...]] = {"outcome": ("id",)}
_below_microseconds = re.compile(r"(\.\d{6})\d+")


def camel_keys(fields: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return ``fields`` with known names in camelCase where they are written in PascalCase."""
    renamed = {}
    for key, value in fields.items():
        camel = key[:1].lower() + key[1:]
        renamed[camel if camel in known and camel not in fields else key] = value
    return renamed


def type_name(written: object) -> object:
    """Return the registered name of an event type given by name in any case, or by number."""
    if isinstance(written, str):
        if event_type_named(written):
            return written
        return _any_case(written, built_in_types) or written
    found = _member(written, built_in_types)
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else found


def time_text(written: object) -> object:
    """Return a time's text cut to microseconds, as the parser would round it."""
    return _below_microseconds.sub(r"\1", written) if isinstance(written, str) else written


def payload_fields(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return a built-in type's payload with the original's spellings replaced by ours."""
    spelling = _spellings.get(name)
    return spelling.ours(payload) if spelling else payload


class _Spelling:
    """How the original writes one payload."""

    def __init__(self, name: str, struct: type[msgspec.Struct]) -> None:
        fields = fields_of(struct)
        self._renamed = _renamed.get(name, {})
        self._ignored = _ignored.get(name, ())
        own = frozenset(field.encode_name for field in fields)
        self._known = own | self._renamed.keys() | set(self._ignored)
        self._optional = {field.encode_name for field in fields if not field.required}
        self._times = _fields_with(fields, datetime)
        self._enums = _fields_with(fields, StrEnum)

    def ours(self, payload: dict[str, Any]) -> dict[str, Any]:
        if not payload.keys() <= self._known:
            payload = camel_keys(payload, self._known)
        fields: dict[str, Any] = {}
        for key, value in payload.items():
            name = self._renamed.get(key, key)
            name = key if name in payload else name
            if key in self._ignored or (value is None and name in self._optional):
                continue
            if kind := self._enums.get(name):
                fields[name] = _member(value, [str(member) for member in kind])
            else:
                fields[name] = time_text(value) if name in self._times else value
        return fields


def _fields_with(
    fields: Iterable[msgspec.structs.FieldInfo], wanted: type[P]
) -> dict[str, type[P]]:
    """Return the wire names of the fields that hold a ``wanted`` type, with that type."""
    return {
        field.encode_name: kind
        for field in fields
        for kind in (field.type, *get_args(field.type))
        if isinstance(kind, type) and issubclass(kind, wanted)
    }


def _member(written: object, names: Sequence[str]) -> object:
    if isinstance(written, str):
        return written if written in names else _any_case(written, names) or written
    if isinstance(written, int) and not isinstance(written, bool) and 0 <= written < len(names):
        return names[written]
    return written


def _any_case(written: str, names: Sequence[str]) -> str | None:
    folded = written.casefold()
    return next((name for name in names if name.casefold() == folded), None)


_spellings = {
    name: _Spelling(name, registered.payload)
    for name in built_in_types
    if (registered := event_type_named(name))
}
