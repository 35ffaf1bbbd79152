"""Where an event cannot be written: each part is written, read back and compared."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from experimentframework_core._codec.normal import fields_of
from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_encoder = msgspec.json.Encoder()
_refusals = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)

_leaves = frozenset({str, int, float, bool, type(None), datetime})

Child = tuple[object, object, str]
"""A part of a value, the type it is read back as, and its path."""


def find_fault(value: object, kind: object, path: str) -> InvalidEventError | None:
    """Return the error for the first and innermost part that does not survive, or None.

    Args:
        value: What is to be written.
        kind: The type that it is read back as.
        path: Where it stands in the event.
    """
    reason = _refusal(value, kind)
    if reason is None:
        return None
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) and _is_free(kind):
                return InvalidEventError(f"the key {key!r} is not text", path=path)
            if isinstance(key, str) and (refused := _refusal(key, str)):
                return InvalidEventError(f"the key {key!r}: {refused}", path=path)
    for part, part_kind, part_path in children(value, kind, path):
        if fault := find_fault(part, part_kind, part_path):
            return fault
    return InvalidEventError(reason, path=path)


def find_depth(value: object, path: str, levels: int) -> str | None:
    """Return the path of the first part that is nested deeper than ``levels``, or None."""
    if not is_deeper(value, levels):
        return None
    for part, _, at in children(value, Any, path):
        if levels and (found := find_depth(part, at, levels - 1)):
            return found
    return path


def is_deeper(value: object, levels: int) -> bool:
    """Return whether ``value`` is nested deeper than ``levels``; at 0, any container is."""
    parts: Iterable[object]
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, msgspec.Struct):
        parts = msgspec.structs.astuple(value)
    elif isinstance(value, list | tuple):
        parts = value
    else:
        return False
    if levels == 0:
        return True
    for part in parts:  # noqa: SIM110 - a generator would triple the time of writing an event
        if type(part) not in _leaves and is_deeper(part, levels - 1):
            return True
    return False


def children(value: object, kind: object, path: str) -> Iterator[Child]:
    """Yield the parts of a value, each with its type and path."""
    match value:
        case msgspec.Struct():
            for field in fields_of(type(value)):
                at = f"{path}.{field.name}" if path else field.name
                yield getattr(value, field.name), field.type, at
        case dict():
            for key, part in value.items():
                yield part, _item_kind(kind, dict), _key_path(path, key)
        case list() | tuple():
            for index, part in enumerate(value):
                yield part, _item_kind(kind, list), f"{path}[{index}]"


def _refusal(value: object, kind: object) -> str | None:
    """Return why ``value`` does not come back equal as ``kind``, or None if it does."""
    try:
        body = _encoder.encode(value)
        read = msgspec.json.decode(body, type=kind)
        if read == value and _encoder.encode(read) == body:
            return None
    except UnicodeError:
        return "the text holds half of a surrogate pair, which UTF-8 cannot carry"
    except msgspec.ValidationError as error:
        if not isinstance(value, float) or math.isfinite(value):
            return str(error).partition(" - at ")[0].replace("Expected", "expected", 1)
    except _refusals as error:
        if not isinstance(error, TypeError):
            return str(error)
    return _advice(value)


def _advice(value: object) -> str:
    match value:
        case int():
            return f"{value} is no float exactly, as whole numbers up to 2^53 are; give a float"
        case float():
            return f"{value} is not finite, and JSON has no form for it"
        case datetime() | date() | time() | timedelta():
            return f"a {type(value).__name__} has no JSON form here; give text, as its isoformat()"
        case tuple() | set() | frozenset():
            return f"a {type(value).__name__} is read back as a list; give a list"
    return (
        f"{type(value).__name__} has no JSON form here;"
        " give text, a number, a bool, None, a list or a dict"
    )


def _is_free(kind: object) -> bool:
    """Return whether a dict of this type has text keys only, as JSON itself."""
    return all(get_args(k)[0] is str for k in (kind, *get_args(kind)) if get_origin(k) is dict)


def _item_kind(kind: object, container: type) -> object:
    for member in (kind, *get_args(kind)):
        if get_origin(member) is container:
            return get_args(member)[-1]
    return Any


def _key_path(path: str, key: object) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f"{path}.{key}" if path else key
    return f"{path}[{key!r}]"
