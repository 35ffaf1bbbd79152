"""Whether a document has the form of a JSON Schema, also where no comparison looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experimentframework_core._compatibility.nodes import Node

_OF_ONE = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_OF_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_OF_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def check_form(schema: Node) -> None:
    """Look at a schema and all that it holds.

    Raises:
        ValueError: Something is no schema, or a reference leads nowhere.
    """
    value = schema.value
    if isinstance(value, bool):
        return
    if not isinstance(value, dict):
        raise _wrong(schema, "an object, or true or false")
    for keyword in filter(schema.has, _OF_ONE):
        check_form(schema.at(keyword))
    for keyword in filter(schema.has, _OF_NAMED):
        if not isinstance(value[keyword], dict):
            raise _wrong(schema.at(keyword), "an object of schemas")
        for name in value[keyword]:
            check_form(schema.at(keyword, name))
    for keyword in filter(schema.has, _OF_LIST):
        if not isinstance(value[keyword], list):
            raise _wrong(schema.at(keyword), "a list of schemas")
        for each in schema.inside(keyword):
            check_form(each)
    _check_words(schema)


def _check_words(schema: Node) -> None:
    value = schema.value
    if schema.has("type"):
        named = value["type"] if isinstance(value["type"], list) else [value["type"]]
        if not all(isinstance(each, str) and each in _TYPES for each in named):
            raise _wrong(schema.at("type"), "a type's name, or a list of them")
    if schema.has("required"):
        names = value["required"]
        if not (isinstance(names, list) and all(isinstance(each, str) for each in names)):
            raise _wrong(schema.at("required"), "a list of names")
    if schema.has("enum") and not isinstance(value["enum"], list):
        raise _wrong(schema.at("enum"), "a list of values")
    if schema.has("$ref"):
        reference = value["$ref"]
        if not isinstance(reference, str):
            raise _wrong(schema.at("$ref"), "a reference")
        if reference.startswith("#/"):
            schema.target(reference)


def _wrong(node: Node, expected: str) -> ValueError:
    where = f"{node.pointer}: " if node.pointer else ""
    shown = repr(node.value)[:40]
    return ValueError(
        f"not a JSON Schema of draft 2020-12: {where}expected {expected}, not {shown}"
    )
