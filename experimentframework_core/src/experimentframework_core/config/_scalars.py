"""What the text of one scalar means: YAML 1.2's core schema, durations and sizes."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experimentframework_core.config._tree import Scalar

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
TEXT_FORMS = {
    unit: (rf"[0-9]{{1,18}}(\.[0-9]{{1,9}})? ?({'|'.join(names)})",)
    for unit, names in (("duration", DURATION_UNITS), ("size", SIZE_UNITS))
}
"""The regular expressions of the texts that may stand for a number of each unit, one a form."""

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = {".nan", ".NaN", ".NAN"}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]+)", re.ASCII)


def meaning(scalar: Scalar) -> object:
    """Return the value that ``scalar`` stands for: plain text by YAML 1.2, all else as it is."""
    if scalar.plain and isinstance(scalar.value, str):
        return resolve(scalar.value)
    return scalar.value


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


def suggested_unit(text: str, units: dict[str, int]) -> str | None:
    """Return ``text`` with its unit's letters in the right case, where only that is wrong."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        return None
    unit = next((unit for unit in units if unit.lower() == match[2].lower()), None)
    return None if unit is None else f"{match[1]}{unit}"
