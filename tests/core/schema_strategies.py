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


simple = leaves | st.one_of(
    st.builds(
        lambda fields, needed: {
            "type": "object",
            "properties": fields,
            "required": [name for name in needed if name in fields],
        },
        st.dictionaries(names, texts | numbers | listed, min_size=1, max_size=2),
        st.lists(names, max_size=2, unique=True),
    ),
    _with({"type": "array"}, items=texts | numbers | listed, minItems=sizes, maxItems=sizes),
    st.builds(lambda one, other: {"anyOf": [one, other]}, texts | numbers, listed | numbers),
)
"""What events have most."""

schemas = simple | st.recursive(
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
    """Return the schema with one or two places changed, left out or replaced."""
    changed = copy.deepcopy(schema)
    for _ in range(draw(st.integers(1, 2))):
        places = [(changed, key) for key in changed if key != "$defs"]
        places += [inner for _, key in places for inner in _places(changed[key])]
        if "$ref" in str(changed):
            places += _places(changed["$defs"]["Part"])
        figures = [(at, key) for at, key in places if _is_figure(at[key])]
        if not places:
            break
        of_figures: bool = draw(st.booleans())
        at, key = draw(st.sampled_from(figures if figures and of_figures else places))
        _change(draw, at, key)
    return changed


def _change(draw: st.DrawFn, at: Any, key: Any) -> None:
    old = at[key]
    if _is_figure(old):
        at[key] = old + draw(st.sampled_from([-1, 1, 2]))
    elif isinstance(old, bool):
        at[key] = not old
    elif isinstance(at, dict) and draw(st.booleans()):
        del at[key]
    elif isinstance(old, dict) and key not in _by_name:
        at[key] = draw(schemas)
    elif isinstance(old, list) and len(old) > 1:
        del old[draw(st.integers(0, len(old) - 1))]


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_single = [None, False, True, *range(-4, 6), 0.5, 1.0, 2.5, "", "x", "y", "yy", "xyz", "yyyyy"]
_some = [None, True, 0, 2, "", "yy"]
values: list[Any] = [
    *_single,
    *([], {}),
    *([each] for each in _single),
    *([one, other] for one in _some for other in _some),
    [1, "x", None, 2, 0.5],
    *({name: each} for name in ("a", "b", "plan") for each in _single),
    *({"a": one, "b": other} for one in _some for other in _some),
    *({"a": one, "c": [other], "plan": {"b": one}} for one in _some for other in _some),
]
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
