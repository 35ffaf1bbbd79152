"""Turns one scalar into a value of its type, or says why not."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import msgspec
from msgspec import inspect

from experimentframework_core.config._problems.report import shown, unknown
from experimentframework_core.config._walk.describe import (
    actual,
    choices,
    expected,
    expected_shape,
    shows_values,
    takes_text,
    unwrapped,
)
from experimentframework_core.config._walk.scalars import (
    AMOUNTS,
    duration,
    in_unit,
    meaning,
    size,
    suggested_duration,
    suggested_size,
)
from experimentframework_core.config._walk.suggestions import (
    instead_of_amount,
    instead_of_boolean,
    instead_of_moment,
    instead_of_number,
)
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.config._tree import Scalar

_Unit: TypeAlias = "tuple[Callable[[str], int | None], Callable[[str], str | None]]"

_LARGEST = 2**63
_FINER_THAN_MICROSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")
_UNITS: dict[str | None, _Unit] = {
    "duration": (duration, suggested_duration),
    "size": (size, suggested_size),
}
_CLASSES: dict[type, type] = {
    inspect.DateTimeType: datetime,
    inspect.DateType: date,
    inspect.DecimalType: Decimal,
    inspect.TimeType: time,
    inspect.UUIDType: UUID,
}


class Refusal(Exception):  # noqa: N818 - a problem's text on its way to the report
    """A scalar is not a value of its type; the text says why and what is."""


def leaf_value(scalar: Scalar, kind: inspect.Type, *, in_python: bool = False) -> object:
    """Return ``scalar`` as a value of ``kind``.

    Args:
        scalar: What stands in the document, or the object that Python gave.
        kind: Any type but a struct, list, dict or union.
        in_python: Whether the object must fit as it is: no text with units, no dates in text.

    Raises:
        Refusal: It is not a value of ``kind``.
    """
    bare, unit = unwrapped(kind)
    if in_python:
        kind = bare if unit in _UNITS else kind
        if (wanted := _class_of(bare)) is not None:
            return _instance(scalar, bare, wanted)
    elif unit in _UNITS:
        scalar = _without_unit(scalar, kind, _UNITS[unit])
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        return _number(scalar, kind, bare)
    if isinstance(bare, inspect.LiteralType | inspect.EnumType):
        return _choice(scalar, bare, in_python=in_python)
    if isinstance(bare, inspect.StrType):
        return _text(scalar, kind, bare)
    return _CONVERSIONS.get(type(bare), _other)(scalar, bare)


def is_text(scalar: Scalar) -> bool:
    """Tell whether ``scalar`` is text; what came for a ``${…}`` can always be."""
    return scalar.written is not None or isinstance(meaning(scalar), str)


def _refusal(
    scalar: Scalar, kind: inspect.Type, instead: Callable[[str], str] | None = None
) -> Refusal:
    """Word a refusal; ``instead`` may say of a text what to write instead of it."""
    quotes = ", in quotes" if scalar.plain and takes_text(kind) else ""
    given = actual(scalar, hidden=not shows_values(kind))
    value = meaning(scalar)
    known = instead is not None and scalar.written is None and isinstance(value, str)
    mend = instead(str(value)) if instead and known else ""
    return Refusal(
        "; ".join(filter(None, [f"unexpected {given}", f"expected {expected(kind)}{quotes}", mend]))
    )


def _without_unit(scalar: Scalar, kind: inspect.Type, unit: _Unit) -> Scalar:
    value = meaning(scalar)
    if not isinstance(value, str):
        return scalar
    read, suggested = unit
    amount = read(value)
    if amount is not None:
        return msgspec.structs.replace(scalar, value=amount)
    raise _refusal(scalar, kind, lambda text: instead_of_amount(text, suggested))


def _class_of(kind: inspect.Type) -> type | None:
    return kind.cls if isinstance(kind, inspect.CustomType) else _CLASSES.get(type(kind))


def _instance(scalar: Scalar, kind: inspect.Type, wanted: type) -> object:
    if isinstance(scalar.value, wanted):
        _refuse_without_zone(scalar.value, kind, scalar)
        return scalar.value
    given = actual(scalar, hidden=not shows_values(kind))
    raise Refusal(f"unexpected {given}; expected a {wanted.__name__}")


def _boolean(scalar: Scalar, kind: inspect.Type) -> bool:
    value = meaning(scalar)
    if isinstance(value, bool):
        return value
    raise _refusal(scalar, kind, instead_of_boolean)


def _number(scalar: Scalar, kind: inspect.Type, bare: inspect.IntType | inspect.FloatType) -> float:
    value = meaning(scalar)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refusal(scalar, kind, lambda text: instead_of_number(text, bare))
    if _out_of_range(bare, value):
        given = value if scalar.written is None else shown(scalar.written)
        raise Refusal(f"out of range: {given}; expected {expected(kind)}{_at_most(kind, value)}")
    if isinstance(bare, inspect.FloatType):
        return float(value)
    if isinstance(value, float):
        raise _refusal(scalar, kind)
    return value


def _at_most(kind: inspect.Type, value: float) -> str:
    """Return how large a number may be, where ``value`` is too large and `expected` is silent."""
    bare, unit = unwrapped(kind)
    largest = getattr(bare, "le", None)
    if largest is None:
        return ", less than 2^63" if value >= _LARGEST else ""
    if unit not in AMOUNTS or value <= largest:
        return ""
    return f", at most {in_unit(largest, AMOUNTS[unit])}"


def _out_of_range(kind: inspect.IntType | inspect.FloatType, value: float) -> bool:
    return (
        not math.isfinite(value)
        or abs(value) >= _LARGEST
        or (kind.ge is not None and value < kind.ge)
        or (kind.gt is not None and value <= kind.gt)
        or (kind.le is not None and value > kind.le)
        or (kind.lt is not None and value >= kind.lt)
        or (kind.multiple_of is not None and value % kind.multiple_of != 0)
    )


def _text(scalar: Scalar, kind: inspect.Type, bare: inspect.StrType) -> str:
    if not is_text(scalar):
        raise _refusal(scalar, kind)
    text = str(scalar.value)
    given = shown(text if scalar.written is None else scalar.written)
    if bare.min_length is not None and len(text) < bare.min_length:
        raise Refusal(f"too short: {given}; expected {expected_shape(kind)}")
    if bare.max_length is not None and len(text) > bare.max_length:
        raise Refusal(f"too long: {given}; expected {expected_shape(kind)}")
    if bare.pattern is not None and not re.search(bare.pattern, text):
        raise Refusal(f"malformed: {given}; expected {expected_shape(kind)}")
    return text


def _choice(
    scalar: Scalar, kind: inspect.LiteralType | inspect.EnumType, *, in_python: bool
) -> object:
    values = choices(kind)
    value = _chosen(scalar, values, in_python=in_python)
    if value is not None:
        return kind.cls(value) if isinstance(kind, inspect.EnumType) else value
    given = meaning(scalar)
    if scalar.written is None and isinstance(given, str) and given not in map(str, values):
        raise Refusal(unknown("value", given, map(str, values)))
    raise _refusal(scalar, kind)


def _chosen(scalar: Scalar, values: tuple[Any, ...], *, in_python: bool) -> object:
    """Return the choice that is meant; in a file quotes make no other choice of ``1``."""
    for given in (meaning(scalar), scalar.value):
        for value in values:
            if type(value) is type(given) and value == given:
                return value
    written = {str(value): value for value in values if not in_python}
    return written.get(scalar.value) if isinstance(scalar.value, str) else None


def _custom(scalar: Scalar, kind: inspect.CustomType) -> object:
    if kind.cls is not Secret or not is_text(scalar):
        raise _refusal(scalar, kind)
    if not scalar.value:
        raise Refusal("empty secret; expected text")
    return Secret(str(scalar.value))


def _anything(scalar: Scalar, _kind: inspect.Type) -> object:
    return meaning(scalar)


def _other(scalar: Scalar, kind: inspect.Type) -> object:
    """Leave what has no rule here to msgspec."""
    target = _CLASSES.get(type(kind))
    if target is None:
        raise _refusal(scalar, kind)
    value = scalar.value if is_text(scalar) else meaning(scalar)
    if isinstance(value, str) and isinstance(kind, inspect.DateTimeType | inspect.TimeType):
        value = _FINER_THAN_MICROSECONDS.sub(r"\1", value, count=1)
    try:
        converted: object = msgspec.convert(value, target)
    except msgspec.ValidationError as error:
        instead = instead_of_moment if isinstance(kind, inspect.DateTimeType) else None
        raise _refusal(scalar, kind, instead) from error
    _refuse_without_zone(converted, kind, scalar)
    return converted


def _refuse_without_zone(value: object, kind: inspect.Type, scalar: Scalar) -> None:
    """Refuse a time that is not the same everywhere, where ``kind`` asks for a zone."""
    if not (isinstance(kind, inspect.DateTimeType) and kind.tz and isinstance(value, datetime)):
        return
    if value.tzinfo is None:
        given = "a datetime" if scalar.written is not None else f"'{value.isoformat()}'"
        raise Refusal(f"no time zone: {given}; append Z for UTC, or an offset as in +01:00")


_Conversion: TypeAlias = "Callable[[Scalar, Any], object]"
_CONVERSIONS: dict[type, _Conversion] = {
    inspect.AnyType: _anything,
    inspect.BoolType: _boolean,
    inspect.CustomType: _custom,
}
