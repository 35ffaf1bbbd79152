"""The JSON Schema of the whole language, for editors: made from the types that are checked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from experimentframework_core.config._backplanes import AVAILABLE
from experimentframework_core.config._choices import Choice, Choices, choices_with
from experimentframework_core.config._docstrings import lead, meanings
from experimentframework_core.config._json_scalars import Schema, nullable, one_of
from experimentframework_core.config._json_types import Types, where
from experimentframework_core.config._model import DataPlaneOptions
from experimentframework_core.config._root import Configuration
from experimentframework_core.config._sections import ROOT, SCHEMA_KEY
from experimentframework_core.config._types import fields_of, type_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from experimentframework_core.plugin import BackplanePlugin

_NEEDED: dict[type[msgspec.Struct], tuple[str, ...]] = {DataPlaneOptions: ("backplane",)}
"""Fields that a file has to say, where Python code may leave them out."""


def json_schema(plugins: Iterable[BackplanePlugin[Any]]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a configuration file.

    Args:
        plugins: The backplane types that a configuration may name.

    Raises:
        TypeError: A plugin's options have a field that cannot stand in a configuration.
    """
    types = Types(partial(_definition, choices=choices_with(plugins)))
    wrapped = types.struct(Configuration)
    sections = types.definitions["Configuration"]
    names = (ROOT, SCHEMA_KEY)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:experimentframework:configuration",
        "title": "experimentframework configuration",
        "description": f"Its sections stand in `{ROOT}`, or at the root.",
        "type": "object",
        "properties": {
            SCHEMA_KEY: {"description": "Where an editor finds this schema."},
            ROOT: {**wrapped, "description": sections["description"]},
        },
        "if": {"required": [ROOT]},
        "then": {"properties": dict.fromkeys(names, True), "additionalProperties": False},
        "else": {
            "properties": {SCHEMA_KEY: True, **sections["properties"]},
            "required": sections["required"],
            "additionalProperties": False,
        },
        "$defs": dict(sorted(types.definitions.items())),
    }


def _definition(cls: type[msgspec.Struct], types: Types, *, choices: Choices) -> Schema:
    """Return the schema of a struct."""
    choice = choices.get(cls)
    said = meanings(cls)
    needed = _NEEDED.get(cls, ())
    fields = fields_of(cls)
    schema: Schema = {"description": lead(cls), "properties": {}}
    kind = type_of(cls)
    if isinstance(kind, inspect.StructType) and kind.tag_field:
        schema["properties"][kind.tag_field] = {"const": kind.tag}
    for field in fields:
        described = {"description": said[field.name]} if field.name in said else {}
        schema["properties"][field.encode_name] = {
            **_value(cls, field, types, choice),
            **described,
            **_default(field, needed),
        }
    required = [each.encode_name for each in fields if each.required or each.name in needed]
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    if choice is not None:
        schema["allOf"] = list(_chosen(choice, {each.name: each for each in fields}, types))
    return schema


def _value(
    cls: type[msgspec.Struct], field: inspect.Field, types: Types, choice: Choice | None
) -> Schema:
    if choice is not None and field.name == choice.by:
        return one_of(list(choice.kinds))
    if choice is not None and field.name == choice.field:
        return {"type": ["object", "null"]}
    if available := AVAILABLE.get((cls, field.name)):
        return one_of(list(available))
    if field.name in _NEEDED.get(cls, ()):
        return types.of(_without_null(field.type))
    return types.of(field.type)


def _without_null(kind: inspect.Type) -> inspect.Type:
    if not isinstance(kind, inspect.UnionType):
        return kind
    left = tuple(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return left[0] if len(left) == 1 else inspect.UnionType(left)


def _default(field: inspect.Field, needed: tuple[str, ...]) -> Schema:
    """Return the default as a document says it; ``{}`` for a struct with all its defaults."""
    if field.required or field.name in needed:
        return {}
    made = field.default_factory is not msgspec.NODEFAULT
    value = field.default_factory() if made else field.default
    if isinstance(value, msgspec.Struct) and value == type(value)():
        return {"default": {}}
    return {"default": msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))}


def _chosen(choice: Choice, fields: dict[str, inspect.Field], types: Types) -> Iterator[Schema]:
    """Yield what holds for each kind that may be chosen."""
    by, key = fields[choice.by], fields[choice.field].encode_name
    for named, options in choice.kinds.items():
        then: Schema = {"properties": {key: {"type": "null"}}}
        if options is not None:
            struct = types.struct(options)
            has_to = any(field.required for field in fields_of(options))
            then = {"properties": {key: struct if has_to else nullable(struct)}}
            then |= {"required": [key]} if has_to else {}
        if (needed := choice.needs.get(named)) is not None:
            lists = fields[needed].encode_name
            then["properties"][lists] = {"type": "array", "minItems": 1}
            then["required"] = [*then.get("required", []), lists]
        yield where(by.encode_name, named, then, default=by.default == named)
