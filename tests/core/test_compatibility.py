"""A new schema reads what an old one wrote, or it is said where not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from experimentframework_core import schemas
from experimentframework_core.compatibility import Difference, differences
from experimentframework_core.events import Payload, built_in_types, event
from tests.core.event_strategies import own_registry
from tests.core.schema_strategies import changes, closed, documents, values

Schema = dict[str, Any]

person: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 128},
        "role": {"$ref": "#/$defs/Role"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        "seats": {"type": "integer", "default": 1},
        "a/b": {"type": "boolean"},
    },
    "required": ["name", "role"],
    "$defs": {"Role": {"enum": ["user", "admin"]}},
}


def changed(*path: str, to: object = None) -> Schema:
    """Return the person with one place changed, or left out where nothing is given."""
    schema = copy.deepcopy(person)
    at: Any = schema
    for key in path[:-1]:
        at = at[key]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return schema


def told(old: object, new: object) -> list[tuple[bool, str, str, str]]:
    found = differences(old, new)  # type: ignore[arg-type]
    return [(each.breaking, each.kind, each.within, each.place) for each in found]


@pytest.mark.parametrize(
    ("new", "kind", "place", "meaning"),
    [
        (
            changed("required", to=["name", "role", "age"]),
            "required",
            "/properties/age",
            'narrowed: "age" is required, and could be left out',
        ),
        (
            changed("required", to=["name", "role", "plan"]),
            "required",
            "",
            'new required field: no old event has "plan"',
        ),
        (
            changed("properties", "age", "type", to="string"),
            "type",
            "/properties/age",
            "narrowed: a whole number is refused, and was taken",
        ),
        (
            changed("$defs", "Role", "enum", to=["user", "owner"]),
            "values",
            "/$defs/Role/enum",
            'narrowed: "admin" is refused, and was taken',
        ),
        (
            changed("properties", "name", "maxLength", to=64),
            "maxLength",
            "/properties/name/maxLength",
            "narrowed: maxLength is 64, and was 128",
        ),
        (
            changed("properties", "name", "minLength", to=2),
            "minLength",
            "/properties/name/minLength",
            "narrowed: minLength is 2, and was 1",
        ),
        (
            changed("properties", "name", "pattern", to="^[a-z]+$"),
            "pattern",
            "/properties/name/pattern",
            'narrowed: pattern is "^[a-z]+$", and was not there',
        ),
        (
            changed("properties", "name", "format", to="email"),
            "format",
            "/properties/name/format",
            'narrowed: format is "email", and was not there',
        ),
        (
            changed("properties", "age", "exclusiveMinimum", to=0),
            "exclusiveMinimum",
            "/properties/age/exclusiveMinimum",
            "narrowed: exclusiveMinimum is 0, and was not there",
        ),
        (
            changed("properties", "age", "maximum", to=99),
            "maximum",
            "/properties/age/maximum",
            "narrowed: maximum is 99, and was 150",
        ),
        (
            changed("properties", "age", "multipleOf", to=5),
            "multipleOf",
            "/properties/age/multipleOf",
            "narrowed: multipleOf is 5, and was not there",
        ),
        (
            changed("properties", "tags", "items", "type", to="integer"),
            "type",
            "/properties/tags/items",
            "narrowed: a string is refused, and was taken",
        ),
        (
            changed("properties", "tags", "uniqueItems", to=True),
            "uniqueItems",
            "/properties/tags/uniqueItems",
            "cannot be judged: uniqueItems was another, or was not there",
        ),
        (
            changed("properties", "seats", "default", to=5),
            "default",
            "/properties/seats",
            "misread: a field that was left out is 5, and was 1",
        ),
        (
            changed("properties", "seats", "default"),
            "default",
            "/properties/seats",
            "misread: a field that was left out is absent, and was 1",
        ),
        (
            changed("properties", "a/b", "type", to="null"),
            "type",
            "/properties/a~1b",
            "narrowed: a boolean is refused, and was taken",
        ),
        (
            changed("properties", "age", to=False),
            "type",
            "/properties/age",
            "narrowed: a whole number is refused, and was taken",
        ),
        (
            changed("not", to={"required": ["age"]}),
            "not",
            "/not",
            "cannot be judged: not was another, or was not there",
        ),
    ],
)
def test_what_breaks_is_told_with_its_place(
    new: Schema, kind: str, place: str, meaning: str
) -> None:
    """Given a change that refuses or misreads old events, when compared, then it breaks."""
    found = differences(person, new)

    assert found == [
        Difference(breaking=True, kind=kind, place=place, within="new", meaning=meaning)
    ]


@pytest.mark.parametrize(
    ("new", "kind", "within", "place", "meaning"),
    [
        (
            changed("properties", "plan", to={"type": "string"}),
            "field",
            "new",
            "/properties/plan",
            'new optional field: "plan"',
        ),
        (
            changed("properties", "plan", to={"type": "string", "default": "free"}),
            "field",
            "new",
            "/properties/plan",
            'new optional field: "plan", which is "free" where it is left out',
        ),
        (
            changed("properties", "age"),
            "field",
            "old",
            "/properties/age",
            'removed field: "age" of old events is kept as it is, but not read',
        ),
        (
            changed("required", to=["name"]),
            "required",
            "new",
            "/properties/role",
            'widened: "role" may be left out, and was required',
        ),
        (
            changed("$defs", "Role", "enum", to=["user", "admin", "owner"]),
            "values",
            "new",
            "/$defs/Role/enum",
            'widened: "owner" is taken, and was refused',
        ),
        (
            changed("$defs", "Role", to={"type": "string"}),
            "values",
            "new",
            "/properties/role",
            'widened: any string is taken, and only "user", "admin" was',
        ),
        (
            changed("properties", "name", "maxLength", to=256),
            "maxLength",
            "new",
            "/properties/name/maxLength",
            "widened: maxLength is 256, and was 128",
        ),
        (
            changed("properties", "name", "minLength"),
            "minLength",
            "new",
            "/properties/name",
            "widened: minLength is not there, and was 1",
        ),
        (
            changed("properties", "age", "type", to="number"),
            "type",
            "new",
            "/properties/age",
            "widened: a number with a fraction is taken, and was refused",
        ),
    ],
)
def test_what_breaks_nothing_is_told_too(
    new: Schema, kind: str, within: str, place: str, meaning: str
) -> None:
    """Given a change that only takes more, when compared, then it is told, and breaks nothing."""
    found = differences(person, new)

    assert [(each.breaking, each.kind, each.within) for each in found] == [(False, kind, within)]
    assert [(each.place, each.meaning) for each in found] == [(place, meaning)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string"}, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, {"type": ["string", "null"]}),
        ({"enum": ["a", "bb"]}, {"type": "string", "minLength": 1, "maxLength": 2}),
        ({"const": 3}, {"type": "integer", "minimum": 3, "multipleOf": 3}),
        ({"type": "boolean"}, {"enum": [True, False, None]}),
        ({"enum": [1]}, {"enum": [1.0]}),
        ({"type": "integer"}, {"type": "number", "multipleOf": 1}),
        ({"type": "integer", "exclusiveMinimum": 2}, {"type": "integer", "minimum": 2}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "null"}}}, {"type": "null"}),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, {"type": "string", "maxLength": 3}),
        ({"type": "string", "maxLength": 3}, {"allOf": [{"type": "string"}, {"maxLength": 3}]}),
        ({"type": "array", "maxItems": 1, "prefixItems": [{"const": 1}]}, {"items": {"const": 1}}),
        ({"type": "object", "additionalProperties": {"type": "null"}}, {"type": "object"}),
        ({"type": "string"}, {"oneOf": [{"type": "integer"}, {"type": "string"}]}),
        (False, {"type": "string"}),
        ({"type": "string"}, True),
        ({"properties": {"a": {}}, "type": "object"}, {"additionalProperties": {}}),
    ],
)
def test_the_same_said_in_another_way_breaks_nothing(old: object, new: object) -> None:
    """Given a schema in other words, or a wider one, when compared, then nothing breaks."""
    found = told(old, new)

    assert [each for each in found if each[0]] == []


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (True, {"type": "string"}, "type"),
        ({}, False, "type"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, {"type": "string"}, "type"),
        ({"enum": [True]}, {"enum": [1]}, "values"),
        ({"type": "number"}, {"type": "integer"}, "type"),
        ({"type": "string"}, {"oneOf": [{"type": "string"}, {"maxLength": 3}]}, "oneOf"),
        ({"type": "object"}, {"properties": {"a": {"type": "null"}}}, "type"),
        (
            {"type": "object", "properties": {"a": {}}},
            {"type": "object", "additionalProperties": False},
            "field",
        ),
        (
            {"type": "object", "properties": {"a": {}}},
            {"type": "object", "additionalProperties": {"type": "null"}},
            "type",
        ),
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
            {"type": "object", "properties": {"a": {}, "b": {"type": "null"}}},
            "type",
        ),
        (
            {"type": "object"},
            {"type": "object", "patternProperties": {"^a": {}}},
            "patternProperties",
        ),
        ({"type": "array"}, {"type": "array", "contains": {}}, "contains"),
        ({"type": "array"}, {"type": "array", "maxItems": 3}, "maxItems"),
        ({"if": {"const": 1}}, {"if": {"const": 1}, "then": False}, "then"),
        (
            {"type": "object"},
            {"type": "object", "unevaluatedProperties": False},
            "unevaluatedProperties",
        ),
    ],
)
def test_what_may_refuse_something_breaks(old: object, new: object, kind: str) -> None:
    """Given a schema that takes less, or that no rule is about, when compared, then it breaks."""
    found = told(old, new)

    assert kind in {each[1] for each in found if each[0]}


def test_schemas_that_refer_to_themselves_are_compared() -> None:
    """Given trees, when what is deep inside is narrowed, then its place is told."""

    def tree(kind: str) -> Schema:
        node = {
            "type": "object",
            "properties": {"value": {"type": kind}, "next": {"$ref": "#/$defs/Node"}},
        }
        return {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    assert told(tree("integer"), tree("integer")) == []
    assert told(tree("number"), tree("integer")) == [
        (True, "type", "new", "/$defs/Node/properties/value")
    ]


def test_alternatives_with_tags_are_told_apart() -> None:
    """Given a union of tagged objects, when one gets a required field, then that place breaks."""

    def shape(tag: str, *fields: str) -> Schema:
        properties = {"type": {"const": tag}} | {name: {"type": "number"} for name in fields}
        return {"type": "object", "properties": properties, "required": [*properties]}

    old = {"oneOf": [shape("circle", "radius"), shape("square", "side")]}
    new = {"oneOf": [shape("square", "side", "colour"), shape("circle", "radius")]}

    found = differences(old, new)

    assert [(each.kind, each.place) for each in found if each.breaking] == [
        ("required", "/oneOf/0/properties/colour")
    ]


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"$ref": "#/$defs/Nobody"}, "/$ref: #/$defs/Nobody is not there"),
        ({"$ref": "other.json"}, "/$ref: only references into the same schema are read"),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, "/properties/a/$ref: #/nowhere is not"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"properties": 5}, "not a JSON Schema of draft 2020-12"),
        ({"type": "integer", "multipleOf": 0}, "not a JSON Schema of draft 2020-12"),
    ],
)
def test_what_is_no_schema_is_refused(schema: object, says: str) -> None:
    """Given what cannot be read as a schema, when compared, then the error says why."""
    with pytest.raises(ValueError, match=r"^.") as caught:
        told({"type": ["integer", "object"], "multipleOf": 2, "properties": {"a": {}}}, schema)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"properties": 5}, "/properties: expected an object of schemas, not 5"),
        ({"properties": {"a": 5}}, "/properties/a: expected an object, or true or false, not 5"),
        ({"items": [True]}, "/items: expected an object, or true or false"),
        ({"anyOf": {}}, "/anyOf: expected a list of schemas, not {}"),
        ({"type": "text"}, "/type: expected a type's name, or a list of them, not 'text'"),
        ({"required": "a"}, "/required: expected a list of names, not 'a'"),
        ({"enum": 5}, "/enum: expected a list of values, not 5"),
        ({"not": {"$ref": 5}}, "/not/$ref: expected a reference, not 5"),
        ({"$defs": {"A": {"$ref": "#/$defs/B"}}}, "/$defs/A/$ref: #/$defs/B is not there"),
    ],
)
def test_what_is_no_schema_is_not_compatible_with_itself(schema: object, says: str) -> None:
    """Given two that are the same and no schemas, when compared, then the error says why."""
    with pytest.raises(ValueError, match=r"^.") as caught:
        told(schema, schema)

    assert says in str(caught.value)


@pytest.mark.parametrize("name", built_in_types)
def test_an_event_type_is_compatible_with_itself(name: str) -> None:
    """Given any built-in type, when its schema is compared with itself, then nothing differs."""
    schema = schemas.json_schema(name)

    found = differences(schema, copy.deepcopy(schema))

    assert found == []


def test_a_payload_class_with_a_new_optional_field_is_compatible() -> None:
    """Given a minor version of a class, when its schemas are compared, then it may be read."""
    with own_registry():

        @schemas.former("purchase", version="1.0.0")
        class Old(Payload, frozen=True, kw_only=True):
            subject_id: str

        @event("purchase", version="1.1.0")
        class New(Payload, frozen=True, kw_only=True):
            subject_id: str
            coupon: str | None = None

        found = differences(
            schemas.json_schema("purchase", "1.0.0"), schemas.json_schema("purchase")
        )

    assert [(each.breaking, each.place) for each in found] == [(False, "/properties/coupon")]


@settings(deadline=None, max_examples=200, suppress_health_check=[*HealthCheck])
@given(st.data())
def test_what_breaks_nothing_refuses_nothing(data: st.DataObject) -> None:
    """Given a schema and a change that is judged compatible, then no document is refused by it."""
    old = data.draw(documents)
    new = data.draw(changes(old))
    assume(old != new and is_schema(old) and is_schema(new))
    try:
        assume(not any(each.breaking for each in differences(old, new)))
    except ValueError:
        assume(condition=False)

    written = accepted(closed(old), values)

    assert accepted(new, written) == written


def is_schema(schema: Any) -> bool:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return False
    return True


def accepted(schema: Any, candidates: list[Any]) -> list[Any]:
    validator = Draft202012Validator(schema)
    try:
        return [each for each in candidates if validator.is_valid(each)]
    except RecursionError:
        return []
