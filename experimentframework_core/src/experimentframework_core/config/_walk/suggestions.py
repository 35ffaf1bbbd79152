"""Says what to write instead of a text that is no value of its type."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import inspect

from experimentframework_core.config._walk.scalars import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

_QUOTES = "leave out the quotes"
_HUNDRED = 100
_BOOLEANS = {
    **dict.fromkeys(("yes", "y", "on", "true"), "true"),
    **dict.fromkeys(("no", "n", "off", "false"), "false"),
}
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]+)?)?(Z|z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?%", re.ASCII)


def instead_of_boolean(text: str) -> str:
    """Return what to write for ``yes`` and the like; empty if nobody knows."""
    if isinstance(resolve(text), bool):
        return _QUOTES
    meant = _BOOLEANS.get(text.lower())
    return f"did you mean {meant}?" if meant else ""


def instead_of_number(text: str, kind: inspect.IntType | inspect.FloatType) -> str:
    """Return what to write for a number in quotes or a percentage; empty if nobody knows."""
    fitting = (int,) if isinstance(kind, inspect.IntType) else (int, float)
    if type(resolve(text)) in fitting:
        return _QUOTES
    percent = _PERCENT.fullmatch(text)
    if percent is None:
        return ""
    if kind.le == _HUNDRED:
        return f"write {percent[1]}"
    return f"write {Decimal(percent[1]) / _HUNDRED:f}" if 1 in (kind.le, kind.lt) else ""


def instead_of_amount(text: str, suggested: Callable[[str], str | None]) -> str:
    """Return what to write for a duration or size that is none; empty if nobody knows."""
    if type(resolve(text)) is int:
        return _QUOTES
    meant = suggested(text)
    return f"did you mean '{meant}'?" if meant else ""


def instead_of_moment(text: str) -> str:
    """Return what to write for a day, or a time without seconds; empty if nobody knows."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return ""
    day, time_of_day, seconds, zone = found.groups()
    if seconds:
        return "there is no such day or time"
    return f"did you mean '{day}T{time_of_day or '00:00'}:00{zone or 'Z'}'?"
