"""Hypothesis strategies for JSON Schemas as events have them, and for changes of one."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

Schema = Any

names = st.sampled_from(["a", "b", "c", "plan"])
sizes = st.integers(0, 4)
scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "yy", 0.5, 1.0])
)
patterns = st.sampled_from(["^x", "y$"])


def _with(always: dict[str, Any], /, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({k: st.just(v) for k, v in always.items()}, optional=optional)


texts = _with({"type": "string"}, minLength=sizes, maxLength=sizes, pattern=patterns)
numbers = st.sampled_from(["integer", "number"]).flatmap(
    lambda kind: _with(
        {"type": kind},
        minimum=st.integers(-2, 2),
        exclusiveMinimum=st.integers(-2, 2),
        maximum=st.integers(-2, 4),
        exclusiveMaximum=st.integers(-2, 4),
        multipleOf=st.sampled_from([1, 2, 4]),
    )
)
listed = st.lists(scalars, min_size=1, max_size=3).map(lambda values: {"enum": values}) | (
    scalars.map(lambda value: {"const": value})
)
plain = st.sampled_from(
    [True, {}, {"type": "null"}, {"type": "boolean"}, {"type": "object"}, {"type": "array"}]
) | st.lists(
    st.sampled_from(["null", "string", "integer", "number", "object"]), min_size=1, unique=True
).map(lambda kinds: {"type": kinds})
references = st.just({"$ref": "#/$defs/Part"})
leaves = texts | numbers | listed | plain | references


def _objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return _with(
        {"type": "object"},
        properties=st.dictionaries(names, inner, max_size=3),
        required=st.lists(names, max_size=2, unique=True),
        additionalProperties=st.booleans() | inner,
        minProperties=st.integers(0, 2),
        maxProperties=st.integers(1, 3),
        propertyNames=st.just({"maxLength": 3}),
        patternProperties=st.dictionaries(st.just("^p"), inner, max_size=1),
        dependentRequired=st.just({"a": ["b"]}),
    )


def _arrays(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return _with(
        {"type": "array"},
        items=inner,
        prefixItems=st.lists(inner, min_size=1, max_size=2),
        minItems=st.integers(0, 2),
        maxItems=sizes,
        uniqueItems=st.booleans(),
        contains=inner,
        minContains=st.integers(0, 1),
    )


def _unions(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    some = st.lists(inner, min_size=1, max_size=3)
    return (
        st.builds(lambda each: {"anyOf": each}, some)
        | st.builds(lambda each: {"oneOf": each}, some)
        | st.builds(lambda each: {"allOf": each}, some)
        | st.builds(lambda each: {"not": each}, inner)
        | st.builds(lambda a, b: {"if": a, "then": b}, inner, inner)
    )


schemas = st.recursive(
    leaves,
    lambda inner: _objects(inner) | _arrays(inner) | _unions(inner),
    max_leaves=6,
)


def _document(schema: Schema, part: Schema) -> Schema:
    root = {"allOf": [schema]} if isinstance(schema, bool) else dict(schema)
    return root | {"$defs": {"Part": part}}


parts = st.recursive(
    texts | numbers | listed,
    lambda inner: _objects(inner | references) | _arrays(inner),
    max_leaves=4,
)
documents = st.builds(_document, schemas, parts)
"""Schemas with a definition, which may refer to itself."""


def _places(value: object) -> list[tuple[Any, Any]]:
    """Return each place in a schema as a container and a key."""
    pairs = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [place for key, each in pairs for place in ((value, key), *_places(each))]


@st.composite
def changes(draw: st.DrawFn, schema: Schema) -> Schema:
    """Return the schema with one to three places changed, left out or replaced."""
    changed = copy.deepcopy(schema)
    for _ in range(draw(st.integers(1, 3))):
        places = [(at, key) for at, key in _places(changed) if key not in ("$defs", "Part")]
        if not places:
            break
        at, key = draw(st.sampled_from(places))
        old = at[key]
        if draw(st.booleans()) and isinstance(at, dict):
            del at[key]
        elif isinstance(old, bool):
            at[key] = not old
        elif isinstance(old, int | float):
            at[key] = old + draw(st.sampled_from([-1, 1, 2]))
        elif isinstance(old, dict) and key not in ("properties", "patternProperties"):
            at[key] = draw(schemas)
        elif isinstance(old, list) and len(old) > 1:
            del old[draw(st.integers(0, len(old) - 1))]
    return changed


values = st.recursive(
    scalars | st.sampled_from(["yyy", "xyz", 4, 2.5]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.just("p1"), inner, max_size=4)
    ),
    max_leaves=8,
)
"""Values that the schemas are about."""

_by_name = ("properties", "patternProperties", "$defs")
_opening = ("additionalProperties", "patternProperties", "propertyNames")


def closed(schema: Schema) -> Schema:
    """Return what a writer keeps to: objects with the named fields only, unless it says more."""
    if not isinstance(schema, dict):
        return [closed(each) for each in schema] if isinstance(schema, list) else schema
    made: dict[str, Any] = {}
    for key, each in schema.items():
        if key in _by_name:
            made[key] = {name: closed(inner) for name, inner in each.items()}
        else:
            made[key] = each if key in ("enum", "const", "required", "type") else closed(each)
    if "properties" in made and not any(key in made for key in _opening):
        made["additionalProperties"] = False
    return made
