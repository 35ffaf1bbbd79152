"""The JSON Schema of one scalar: what the checker takes for it, ``${…}`` included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import inspect

from experimentframework_core.config._files.interpolate import WELL_FORMED
from experimentframework_core.config._walk.describe import choices, expected, unwrapped
from experimentframework_core.config._walk.scalars import TEXT_FORMS, resolve
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Schema: TypeAlias = dict[str, Any]

_LARGEST = 2**63 - 1
_SHORTEST_EXPRESSION = len("${A}")
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_DATE = r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_ZONE = r"([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])"
_FORMATS: dict[type, str] = {
    inspect.DateTimeType: f"^{_DATE}[Tt ]{_TIME}{_ZONE}?$",
    inspect.DateType: f"^{_DATE}$",
    inspect.TimeType: f"^{_TIME}{_ZONE}?$",
    inspect.UUIDType: r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$",
}


def _or_expression(kind: inspect.Type, text: str = "") -> Schema:
    """Return what holds for a text that stands for ``kind``: it looks so, or has an expression.

    ``patternErrorMessage`` is not JSON Schema's: editors show it, validators pass it over.
    """
    pattern = f"{text}|{WELL_FORMED}" if text else WELL_FORMED
    message = f"expected {expected(kind)}, or text with ${{NAME}}"
    return {"pattern": pattern, "patternErrorMessage": message}


def _quantity(unit: str, *, positive: bool) -> Schema:
    kind = inspect.Metadata(inspect.IntType(ge=int(positive)), extra={"unit": unit})
    some = "(?=.*[1-9])" if positive else ""
    text = f"^{some}({'|'.join(TEXT_FORMS[unit])})$"
    return {"maximum": _LARGEST, **_or_expression(kind, text)}


DEFINITIONS: dict[str, Schema] = {
    "expression": {
        "$comment": "Becomes the value when the configuration is loaded.",
        "type": "string",
        "pattern": WELL_FORMED,
    },
    "boolean": _or_expression(inspect.BoolType()),
    "integer": {
        "minimum": -_LARGEST,
        "maximum": _LARGEST,
        **_or_expression(inspect.IntType()),
    },
    "number": {
        "exclusiveMinimum": -(_LARGEST + 1),
        "exclusiveMaximum": _LARGEST + 1,
        **_or_expression(inspect.FloatType()),
    },
    **{unit: _quantity(unit, positive=False) for unit in TEXT_FORMS},
    **{f"positive{unit.title()}": _quantity(unit, positive=True) for unit in TEXT_FORMS},
}
"""What stands in ``$defs`` for the scalars; the type, and a field's own rules, stand beside the
reference, so that null is one type more and no error hides behind an ``anyOf``."""


def scalar(kind: inspect.Type) -> Schema:
    """Return the schema of a scalar.

    Raises:
        TypeError: There is no rule for this type.
    """
    bare, unit = unwrapped(kind)
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        return _number(bare, unit)
    if type(bare) in _FORMATS:
        return _formatted(bare)
    if isinstance(bare, inspect.StrType):
        return _text(kind, bare)
    rule = _RULES.get(type(bare))
    if rule is None:
        raise TypeError(f"no JSON Schema for {bare!r}")
    return rule(bare)


def shared(name: str) -> Schema:
    """Return the reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def one_of(names: Sequence[Any], *others: Schema) -> Schema:
    """Return the schema of a choice; a number and its text in quotes may stand for one another."""
    read = [resolve(each) if isinstance(each, str) else str(each) for each in names]
    spelled = [each for each in read if each is not None and each not in names]
    return {"anyOf": [{"enum": [*names, *spelled]}, *others, shared("expression")]}


def nullable(schema: Schema) -> Schema:
    """Return the schema of what ``schema`` takes, or null."""
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return {**schema, "type": [*types, "null"]}
    others = schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]
    return {"anyOf": [*others, {"type": "null"}]}


def limits(kind: inspect.Type) -> Schema:
    """Return what a schema says of the length and pattern of a text, or the length of a list."""
    what = "Length" if isinstance(kind, inspect.StrType) else "Items"
    said = {
        f"min{what}": getattr(kind, "min_length", None),
        f"max{what}": getattr(kind, "max_length", None),
        "pattern": getattr(kind, "pattern", None),
    }
    return {key: value for key, value in said.items() if value is not None}


def _number(kind: inspect.IntType | inspect.FloatType, unit: str | None) -> Schema:
    name = json_type = "integer" if isinstance(kind, inspect.IntType) else "number"
    if unit in TEXT_FORMS:
        positive = (kind.ge or 0) > 0 or kind.gt is not None
        name = f"positive{unit.title()}" if positive else unit
    bounds = {_BOUNDS[key]: getattr(kind, key) for key in _BOUNDS} | {
        "multipleOf": kind.multiple_of
    }
    known = DEFINITIONS[name]
    said = {key: value for key, value in bounds.items() if value not in (None, known.get(key))}
    return {"type": [json_type, "string"], **shared(name), **said}


def _text(kind: inspect.Type, bare: inspect.StrType) -> Schema:
    text = {"type": "string", **limits(bare)}
    if bare.pattern is not None:
        text |= _or_expression(kind, bare.pattern)
    if bare.max_length is not None or (bare.min_length or 0) > _SHORTEST_EXPRESSION:
        return {"anyOf": [text, shared("expression")]}
    return text


def _formatted(kind: inspect.Type) -> Schema:
    pattern = _FORMATS[type(kind)]
    if getattr(kind, "tz", None):
        pattern = pattern.replace(f"{_ZONE}?", _ZONE)
    return {"type": "string", **_or_expression(kind, pattern)}


def _custom(kind: inspect.CustomType) -> Schema:
    if kind.cls is not Secret:
        raise TypeError(f"no JSON Schema for {kind!r}")
    return {"type": "string", "minLength": 1, "writeOnly": True}


def _decimal(kind: inspect.Type) -> Schema:
    number = r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$"
    return {"type": ["number", "string"], **_or_expression(kind, number)}


_RULES: dict[type, Callable[[Any], Schema]] = {
    inspect.AnyType: lambda _kind: {},
    inspect.BoolType: lambda _kind: {"type": ["boolean", "string"], **shared("boolean")},
    inspect.CustomType: _custom,
    inspect.DecimalType: _decimal,
    inspect.EnumType: lambda kind: one_of(choices(kind)),
    inspect.LiteralType: lambda kind: one_of(choices(kind)),
}
