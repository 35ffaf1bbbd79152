"""Tells one replay from another: where it reads, what, and where to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.plugin import ChannelSettings, Selection
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from experimentframework_core._reading.source import Source

Facts = dict[str, str]
"""What a replay is, as text by a name, as in ``source.options.path``."""

_channel_settings = frozenset(ChannelSettings.__struct_fields__)


def facts_of(source: Source, selection: Selection, targets: Iterable[Source]) -> Facts:
    """Return what makes it the same replay when it is run again.

    Of the options those that may say where something is: no secrets, and no numbers, which are
    limits and times that somebody may have to change before going on.
    """
    facts = dict(_facts_of(source, "source"))
    for number, target in enumerate(targets, 1):
        facts |= _facts_of(target, f"target {number}")
    plain = msgspec.structs.replace(selection, checkpoint=None, follow=False)
    for name, value in msgspec.structs.asdict(plain).items():
        if value:
            facts[f"selection.{name}"] = _text(value)
    return facts


def is_same_place(one: Source, other: Source) -> bool:
    """Return whether two backplanes are the same one, whatever they are called."""
    if _place(one) == _place(other) and _secrets(one) == _secrets(other):
        return True
    same_type = one.plugin.type == other.plugin.type
    return same_type and one.file is not None and _is_one_file(one.file, other.file)


def _is_one_file(one: Path, other: Path | None) -> bool:
    """Return whether two names are links to one file."""
    try:
        return other is not None and one.samefile(other)
    except OSError:
        return False


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield what is not the same, as in ``source.options.path was 'a.db', is 'b.db'``."""
    for name in dict.fromkeys((*before, *now)):
        was, now_is = before.get(name), now.get(name)
        if was != now_is:
            yield f"{name} was {_shown(was)}, is {_shown(now_is)}"


def _facts_of(source: Source, name: str) -> Iterator[tuple[str, str]]:
    yield f"{name}.name", source.name
    for key, value in _place(source).items():
        yield f"{name}.{key}", value


def _place(source: Source) -> Facts:
    place = {"type": source.plugin.type}
    for field in msgspec.structs.fields(source.options):
        value = getattr(source.options, field.name)
        if field.name not in _channel_settings and _says_where(value):
            place[f"options.{field.encode_name}"] = _text(value)
    if source.file is not None:
        place["options.path"] = str(source.file)
    return place


def _secrets(source: Source) -> list[Secret]:
    values = msgspec.structs.astuple(source.options)
    return [value for value in values if isinstance(value, Secret)]


def _says_where(value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return False
    return value is not None and not isinstance(value, Secret)


def _text(value: Any) -> str:  # noqa: ANN401 - an option's value may be anything
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return msgspec.json.encode(value, enc_hook=str, order="sorted").decode()


def _shown(text: str | None) -> str:
    return "not said" if text is None else repr(text)
