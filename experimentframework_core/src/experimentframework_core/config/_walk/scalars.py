"""What the text of one scalar means: YAML 1.2's core schema, durations and sizes."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from experimentframework_core.config._tree import Scalar

if TYPE_CHECKING:
    from experimentframework_core.config._tree import Node

DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SIZE_UNITS = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = {".nan", ".NaN", ".NAN"}
_CLOCK = r"(?:([0-9]{1,8})\.)?([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,9})?)"
_ISO = (
    r"P(?=[0-9T])(?:([0-9]{1,8})W)?(?:([0-9]{1,8})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,8})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,8}(?:\.[0-9]{1,9})?)S)?)?"
)
_AMOUNT = r"[0-9]{1,18}(?:\.[0-9]{1,9})?"
AMOUNTS: dict[str | None, dict[str, int]] = {"duration": DURATION_UNITS, "size": SIZE_UNITS}
"""How much each unit of a duration and a size is."""

TEXT_FORMS = {
    "duration": (f"{_AMOUNT} ?({'|'.join(DURATION_UNITS)})", _CLOCK, _ISO),
    "size": (f"{_AMOUNT} ?({'|'.join(SIZE_UNITS)})",),
}
"""The regular expressions of the texts that may stand for a number of each unit, one a form."""

_FORMS = [
    (re.compile(_CLOCK, re.ASCII), (86_400_000, 3_600_000, 60_000, 1000)),
    (re.compile(_ISO, re.ASCII), (604_800_000, 86_400_000, 3_600_000, 60_000, 1000)),
]
_ALMOST_CLOCK = re.compile(r"([0-9]{1,8}):([0-5][0-9])(:[0-5][0-9](?:\.[0-9]{1,9})?)?", re.ASCII)
_HOURS_OF_A_DAY = 24

_OTHER_UNITS = {
    **dict.fromkeys(("msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("byte", "bytes"), "B"),
    **{f"{letter}byte": f"{letter}B" for letter in "kmg"},
    **{letter: f"{letter}B" for letter in ("k", "g", "ki", "mi", "gi")},
}
_QUANTITY = re.compile(rf"({_AMOUNT}) ?([A-Za-z]+)", re.ASCII)


def meaning(scalar: Scalar) -> object:
    """Return the value that ``scalar`` stands for: plain text by YAML 1.2, all else as it is."""
    if scalar.plain and isinstance(scalar.value, str):
        return resolve(scalar.value)
    return scalar.value


def text_of(node: Node | None) -> str | None:
    """Return a node's text, if it is a text that may name a type."""
    value = meaning(node) if isinstance(node, Scalar) else None
    return value if isinstance(value, str) and value else None


def is_absent(node: Node | None) -> bool:
    """Tell whether ``node`` says nothing: it is not there, or null."""
    return node is None or (isinstance(node, Scalar) and meaning(node) is None)


def resolve(text: str) -> str | float | bool | None:
    """Return what plain ``text`` means in YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if special := _SPECIAL.fullmatch(text):
        return -math.inf if special[1] == "-" else math.inf
    return math.nan if text in _NOT_A_NUMBER else text


def quantity(text: str, units: dict[str, int]) -> int | None:
    """Return ``text``, a number with one of ``units``, in the smallest; None if it is not that."""
    match = _QUANTITY.fullmatch(text)
    if not match or match[2] not in units:
        return None
    amount = Decimal(match[1]) * units[match[2]]
    return int(amount) if amount == int(amount) else None


def duration(text: str) -> int | None:
    """Return a duration in whole milliseconds; None if ``text`` is none.

    It is a number with a unit (``90s``), days, hours, minutes and seconds as .NET writes them
    (``00:01:30``, ``1.02:00:00``), or ISO 8601 in weeks to seconds (``PT1M30S``).
    """
    for form, units in _FORMS:
        if match := form.fullmatch(text):
            parts = zip(match.groups(default="0"), units, strict=True)
            amount = sum(Decimal(part) * unit for part, unit in parts)
            return int(amount) if amount == int(amount) else None
    return quantity(text, DURATION_UNITS)


def in_unit(amount: int, units: dict[str, int]) -> str:
    """Return ``amount`` in the largest of ``units`` of which it is a whole number."""
    unit = max((unit for unit in units if amount % units[unit] == 0), key=lambda unit: units[unit])
    return f"{amount // units[unit]}{unit}"


def size(text: str) -> int | None:
    """Return a size in bytes; None if ``text`` is none."""
    return quantity(text, SIZE_UNITS)


def suggested_duration(text: str) -> str | None:
    """Return the duration that ``text`` was probably meant to be."""
    if almost := _ALMOST_CLOCK.fullmatch(text):
        days, hours = divmod(int(almost[1]), _HOURS_OF_A_DAY)
        clock = f"{hours:02}:{almost[2]}{almost[3] or ':00'}"
        return f"{days}.{clock}" if days else clock
    if text != text.upper() and _FORMS[1][0].fullmatch(text.upper()):
        return text.upper()
    return suggested_unit(text, DURATION_UNITS)


def suggested_size(text: str) -> str | None:
    """Return the size that ``text`` was probably meant to be."""
    if match := re.fullmatch(r"([0-9]{1,18}) ?[mM]", text, re.ASCII):
        return f"{match[1]}MB"
    return suggested_unit(text, SIZE_UNITS)


def suggested_unit(text: str, units: dict[str, int]) -> str | None:
    """Return ``text`` with the unit that was meant, where only its spelling is wrong."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        return None
    given = match[2].lower()
    meant = _OTHER_UNITS.get(given, given).lower()
    unit = next((unit for unit in units if unit.lower() == meant), None)
    said = None if unit is None else f"{match[1]}{unit}"
    return None if said is None or quantity(said, units) is None else said
