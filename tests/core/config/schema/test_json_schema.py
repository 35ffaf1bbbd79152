"""The JSON Schema of the configuration: what an editor needs to complete and to check."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from experimentframework_core.config import Configuration, json_schema
from experimentframework_core.config._schema.docstrings import meanings
from experimentframework_core.config._schema.json_types import Types
from experimentframework_core.config._walk.field_types import fields_of, type_of
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings
from tests.core.config.sample_plugins import courier, plain
from tests.core.config.walk.test_walk import Zoo

SCHEMA = json_schema([courier, plain])
UNEXPECTED = "Additional properties are not allowed ('%s' was unexpected)"
GOOD = {"dataPlane": {"backplane": {"type": "plain"}}}


class Odd(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options with a type that no document can say."""

    data: bytes = b""


class Kept(msgspec.Struct):
    keep_ms: Annotated[int, msgspec.Meta(ge=-1, extra={"unit": "duration"})] = -1


class RetryOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options whose class is named like one of the core's."""


def errors(document: object, schema: dict[str, Any] = SCHEMA) -> list[str]:
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(document)
    ]


def backplane(node: dict[str, Any]) -> dict[str, Any]:
    return {"dataPlane": {"backplane": node}}


def in_plane(**settings: object) -> dict[str, Any]:
    return {"dataPlane": {**settings, "backplane": {"type": "plain"}}}


def defined(name: str, schema: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][name]
    return found


def test_it_is_a_schema() -> None:
    """Given the schema, When it is judged by the schema of schemas, Then it is one."""
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "urn:experimentframework:configuration"


def test_it_is_the_same_for_the_same_plugins() -> None:
    """Given plugins in another order, When the schema is made again, Then no byte differs."""
    again = json_schema([plain, courier])

    assert json.dumps(again) == json.dumps(SCHEMA)


@pytest.mark.parametrize(
    "document",
    [
        GOOD,
        {"experimentFramework": GOOD},
        {"ExperimentFramework": GOOD},
        {"$schema": "./schema.json", **GOOD},
        {"$schema": "./schema.json", "experimentFramework": GOOD},
    ],
)
def test_the_root_may_be_wrapped_or_not(document: object) -> None:
    """Given sections at the root or in experimentFramework, When judged, Then both are good."""
    assert errors(document) == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], "$: [] is not of type 'object'"),
        ({"experimentFramework": None}, "$.experimentFramework: None is not of type 'object'"),
        ({"dataPlane": None}, "$.dataPlane: None is not of type 'object'"),
        (
            {"experimentFramework": {"$schema": "x"}},
            f"$.experimentFramework: {UNEXPECTED % '$schema'}",
        ),
        (
            {"experimentFramework": {}, "ExperimentFramework": {}},
            f"$: {UNEXPECTED % 'ExperimentFramework'}",
        ),
        (
            {"experimentFramework": GOOD, "dataPlane": {}},
            f"$: {UNEXPECTED % 'dataPlane'}",
        ),
    ],
)
def test_a_wrong_root_has_one_error(document: object, expected: str) -> None:
    """Given a root that is wrong in one way, When judged, Then the one error says it."""
    assert errors(document) == [expected]


def test_a_field_has_its_meaning_its_default_and_its_bounds() -> None:
    """Given a field of an options class, When its schema is read, Then it has all of it."""
    schema = defined("DataPlaneOptions")["properties"]["concurrency"]

    assert schema == {
        "type": ["integer", "string"],
        "$ref": "#/$defs/integer",
        "minimum": 1,
        "maximum": 64,
        "description": "Deliveries side by side for each backplane; one ordering key stays in one.",
        "default": 1,
    }


@pytest.mark.parametrize("name", sorted(SCHEMA["$defs"]))
def test_a_struct_takes_no_other_keys(name: str) -> None:
    """Given a definition of a mapping, When its keys are looked at, Then no other is allowed."""
    schema = defined(name)

    assert "properties" not in schema or schema["additionalProperties"] is False


def test_every_field_is_described_by_its_docstring() -> None:
    """Given the fields of the root, When their schemas are read, Then they say the docstring."""
    schema = defined("Configuration")["properties"]

    said = {key: each["description"] for key, each in schema.items()}

    meant = meanings(Configuration)
    assert said == {each.encode_name: meant[each.name] for each in fields_of(Configuration)}


def test_choices_are_in_the_order_of_the_class() -> None:
    """Given a choice of words, When its schema is read, Then they stand as declared."""
    schema = defined("CourierOptions")["properties"]

    assert schema["partitionBy"]["anyOf"][0]["enum"][0] == "experimentKey"
    assert schema["acks"]["anyOf"][0]["enum"] == ["all", 1, 0, "1", "0"]
    assert schema["speed"]["default"] == "slow"


def test_a_secret_is_only_written() -> None:
    """Given a secret, When its schema is read, Then it is marked, and has no default but null."""
    schema = defined("Login")["properties"]["password"]

    assert schema["writeOnly"] is True
    assert schema["default"] is None


@pytest.mark.parametrize("value", [0, 250, "250ms", "1.5s", "2 h", "${WAIT}", "${WAIT:-5s}"])
def test_a_duration_is_a_number_or_a_text(value: object) -> None:
    """Given a duration in any of its forms, When judged, Then it is good."""
    assert errors(in_plane(flushIntervalMs=value)) == []


@pytest.mark.parametrize("value", [-1, 1.5, "10S", "1 parsec", "", "s", None, True, "$${WAIT}"])
def test_what_is_no_duration_is_refused(value: object) -> None:
    """Given no duration, When judged, Then it is bad."""
    assert len(errors(in_plane(flushIntervalMs=value))) == 1


@pytest.mark.parametrize("value", [0, "0ms", "0.0s"])
def test_a_duration_that_cannot_be_zero_is_not(value: object) -> None:
    """Given zero in any form, When something is tried again after it, Then it is bad."""
    assert len(errors(in_plane(breaker={"openMs": value}))) == 1


@pytest.mark.parametrize("key", ["samplingRate", "batchSize", "enableErrorEvents", "onFailure"])
def test_every_value_may_be_an_expression(key: str) -> None:
    """Given a value that is no text, When an expression stands for it, Then it is good."""
    assert errors(in_plane(**{key: "${VALUE:-x}"})) == []


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"type": "courier"}, ["$.dataPlane.backplane: 'options' is a required property"]),
        (
            {"type": "plain", "options": {"brokers": "b"}},
            [f"$.dataPlane.backplane.options: {UNEXPECTED % 'brokers'}"],
        ),
        ({"type": "composite"}, ["$.dataPlane.backplane: 'backplanes' is a required property"]),
        (
            {"type": "failover", "options": {}, "backplanes": [{"type": "plain"}]},
            ["$.dataPlane.backplane.options: {} is not of type 'null'"],
        ),
        ({"type": "plain", "options": None}, []),
        ({"type": "${WHICH:-plain}", "options": {"anything": 1}}, []),
    ],
)
def test_the_type_chooses_the_options(node: dict[str, Any], expected: list[str]) -> None:
    """Given a backplane, When it is judged, Then its options are those of its type alone."""
    assert errors(backplane(node)) == expected


@pytest.mark.parametrize(("value", "wrong"), [(-1, 0), ("7d", 0), (-2, 1)])
def test_a_duration_has_the_bounds_of_its_field(value: object, wrong: int) -> None:
    """Given a duration that may be -1, When judged, Then its own bound counts, not the usual."""
    assert len(errors({"keep_ms": value}, schema_of(Kept))) == wrong


def test_an_unknown_type_is_refused_where_it_stands() -> None:
    """Given a type that is not installed, When judged, Then the one error is the type's."""
    (error,) = errors(backplane({"type": "pigeon", "options": {"x": 1}}))

    assert error.startswith("$.dataPlane.backplane.type: 'pigeon' is not valid")


@pytest.mark.parametrize(
    ("store", "wrong"),
    [
        ({"options": {"path": "a"}}, 0),
        ({"type": "file", "options": {"path": "a"}}, 0),
        ({"type": "courier", "options": {"addresses": "a"}}, 0),
        ({"options": {"addresses": "a"}}, 1),
        ({"type": "courier"}, 1),
        ({"type": "composite"}, 1),
    ],
)
def test_a_dead_letter_store_is_a_file_or_a_backplane(store: dict[str, Any], wrong: int) -> None:
    """Given a store of dead letters, When judged, Then its type or sqlite chooses."""
    assert len(errors(in_plane(deadLetter=store))) == wrong


def test_two_classes_of_one_name_are_two_definitions() -> None:
    """Given a plugin's class named like one of the core's, When defined, Then both are there."""
    plugin = BackplanePlugin(type="odd", options=RetryOptions, open=plain.open)

    schema = json_schema([plugin])

    assert "maxAttempts" in defined("RetryOptions", schema)["properties"]
    assert "batchSize" in defined(f"{__name__}.RetryOptions", schema)["properties"]


def test_options_that_no_document_can_say_have_no_schema() -> None:
    """Given a plugin with a field of bytes, When the schema is made, Then that is an error."""
    plugin = BackplanePlugin(type="odd", options=Odd, open=plain.open)

    with pytest.raises(TypeError, match="no JSON Schema for BytesType"):
        json_schema([plugin])


def schema_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    types = Types(
        lambda cls, types: {
            "properties": {each.encode_name: types.of(each.type) for each in fields_of(cls)}
            | ({"kind": {}} if cls is not Zoo else {}),
            "additionalProperties": False,
        }
    )
    return {**types.of(type_of(struct)), "$defs": types.definitions}


@pytest.mark.parametrize(
    ("zoo", "wrong"),
    [
        ({"pet": {"kind": "cat", "lives": 7}}, 0),
        ({"pet": {"kind": "cow"}}, 1),
        ({"pet": {"kind": "cat", "name": "Rex"}}, 1),
        ({"pet": {"lives": 7}}, 1),
        ({"opened": "2026-01-31T12:00:00Z"}, 0),
        ({"opened": "tomorrow"}, 1),
        ({"price": "9.99"}, 0),
        ({"price": "cheap"}, 1),
        ({"names": ["a", 5]}, 1),
        ({"sizes": {"large": 2}}, 0),
        ({"sizes": {"huge": 2}}, 1),
        ({"sizes": {"small": 3}}, 1),
        ({"either": 5}, 0),
        ({"either": None}, 0),
        ({"either": []}, 1),
        ({"anything": [{"a": None}]}, 0),
    ],
)
def test_a_type_that_only_plugins_have_is_judged_too(zoo: dict[str, Any], wrong: int) -> None:
    """Given odd types, When documents with them are judged, Then what does not fit is bad."""
    assert len(errors(zoo, schema_of(Zoo))) == wrong
