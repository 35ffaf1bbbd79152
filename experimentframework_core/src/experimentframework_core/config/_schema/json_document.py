"""Makes the JSON Schema of the whole language from the types that are checked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from experimentframework_core.config._files.sections import ROOTS, SCHEMA_KEY
from experimentframework_core.config._model.root import Configuration
from experimentframework_core.config._schema.choices import BY, FIELD, choices_with
from experimentframework_core.config._schema.docstrings import lead, meanings
from experimentframework_core.config._schema.json_scalars import Schema, nullable, one_of
from experimentframework_core.config._schema.json_types import Types, where
from experimentframework_core.config._walk.describe import alternatives
from experimentframework_core.config._walk.field_types import fields_of, type_of
from experimentframework_core.config._walk.kinds import IN_CODE, AnyKeys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from experimentframework_core.config._schema.choices import Choice, Choices
    from experimentframework_core.config._walk.kinds import Kind
    from experimentframework_core.plugin import BackplanePlugin

_ANY_OPTIONS: Schema = {"type": ["object", "null"]}


def document_with(plugins: Iterable[BackplanePlugin[Any]]) -> Schema:
    """Return the schema of a file that may name these backplane types, see `json_schema`."""
    types = Types(partial(_definition, choices=choices_with(plugins)))
    wrapped = types.struct(Configuration)
    sections = types.definitions[Configuration.__name__]
    root: Schema = {"properties": {SCHEMA_KEY: True, **sections["properties"]}}
    root["additionalProperties"] = False
    for key in reversed(ROOTS):
        inside: Schema = {"properties": {SCHEMA_KEY: True, key: wrapped}}
        inside["additionalProperties"] = False
        root = {"if": {"required": [key]}, "then": inside, "else": root}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:experimentframework:configuration",
        "title": "experimentframework configuration",
        "description": f"Its sections stand in `{ROOTS[0]}`, or at the root.",
        "type": "object",
        "properties": {
            SCHEMA_KEY: {"description": "Where an editor finds this schema."},
            ROOTS[0]: {"description": sections["description"]},
        },
        **root,
        "$defs": dict(sorted(types.definitions.items())),
    }


def _definition(cls: type[msgspec.Struct], types: Types, *, choices: Choices) -> Schema:
    """Return the schema of a struct."""
    choice = choices.get(cls)
    said = meanings(cls)
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
            **_default(cls, field),
        }
    if required := [each.encode_name for each in fields if each.required]:
        schema["required"] = required
    schema["additionalProperties"] = False
    if choice is not None:
        schema["allOf"] = list(_chosen(choice, {each.encode_name: each for each in fields}, types))
    return schema


def _value(
    cls: type[msgspec.Struct], field: inspect.Field, types: Types, choice: Choice | None
) -> Schema:
    if choice is not None and field.name == BY:
        in_code = {"type": "string", "pattern": IN_CODE, "allOf": [types.of(field.type)]}
        return one_of(list(choice.kinds), *([in_code] if choice.in_code else []))
    if choice is not None and field.name == FIELD:
        return _ANY_OPTIONS
    return types.of(_without_null(field.type) if cls is Configuration else field.type)


def _without_null(kind: inspect.Type) -> inspect.Type:
    """Return what a section is that is there, or a key that is needed: not null."""
    return alternatives(kind)[0] if isinstance(kind, inspect.UnionType) else kind


def default_of(field: inspect.Field) -> Any:  # noqa: ANN401 - as JSON has it
    """Return a field's default as a document says it; of a struct only what is not its default."""
    made = field.default_factory is not msgspec.NODEFAULT
    value = field.default_factory() if made else field.default
    if not isinstance(value, msgspec.Struct):
        return msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
    inside = fields_of(type(value))
    said = [each for each in inside if getattr(value, each.name) != each.default]
    document = msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
    return {each.encode_name: document[each.encode_name] for each in said}


def _default(cls: type[msgspec.Struct], field: inspect.Field) -> Schema:
    if field.required:
        return {}
    default = default_of(field)
    return {} if cls is Configuration and default is None else {"default": default}


def _chosen(choice: Choice, fields: dict[str, inspect.Field], types: Types) -> Iterator[Schema]:
    """Yield what holds for each kind that may be chosen."""
    for named, kind in choice.kinds.items():
        then = _options(kind, types) if FIELD in fields else {"properties": {}, "required": []}
        for key in kind.needs:
            needed = types.of(_without_null(fields[key].type))
            least = {"minItems": 1} if needed.get("type") == "array" else {}
            then["properties"][key] = {**needed, **least}
        then["required"] += kind.needs
        said = {key: value for key, value in then.items() if value}
        if said:
            yield where(BY, named, said, default=fields[BY].default == named)


def _options(kind: Kind, types: Types) -> Schema:
    """Return what a kind says of the options: which, none, or any."""
    if kind.options is None:
        return {"properties": {FIELD: {"type": "null"}}, "required": []}
    if kind.options is AnyKeys:
        return {"properties": {FIELD: _ANY_OPTIONS}, "required": []}
    struct = types.struct(kind.options)
    if any(field.required for field in fields_of(kind.options)):
        return {"properties": {FIELD: struct}, "required": [FIELD]}
    return {"properties": {FIELD: nullable(struct)}, "required": []}
