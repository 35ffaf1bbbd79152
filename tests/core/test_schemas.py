"""Every published version has a schema that does not change, and a way up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core import schemas
from experimentframework_core.events import Payload, built_in_types, event
from tests.core.event_strategies import own_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

published = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    with own_registry():
        yield


def differences(folder: Path) -> list[str]:
    """Return what is published in ``folder`` and what the code says, where they differ."""
    expected = {Path("envelope.json"): schemas.schema_text(schemas.envelope_schema())} | {
        Path(name, f"{version}.json"): schemas.schema_text(schemas.json_schema(name, version))
        for name in built_in_types
        for version in schemas.versions(name)
    }
    found = {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.json")}
    return sorted(
        str(place)
        for place in expected.keys() | found.keys()
        if expected.get(place) != found.get(place)
    )


def test_the_published_schemas_are_those_of_the_code() -> None:
    """Given docs/schemas, when compared with the payload classes, then nothing differs.

    A failure means that a payload has changed: raise its version in events.py, keep the old class
    with ``former``, then export the schemas again.
    """
    assert differences(published) == []


def test_a_change_without_a_new_version_is_noticed(tmp_path: Path) -> None:
    """Given a payload that changed under its old version, when compared, then it differs."""
    schemas.export(tmp_path, built_in_types)
    assert differences(tmp_path) == []

    class Exposure(Payload, frozen=True, kw_only=True):
        experiment_name: str
        device: str | None = None

    Exposure.__module__ = "experimentframework_core.events"
    Exposure.__qualname__ = "Exposure"
    event("exposure", version="1.0.0")(Exposure)

    assert differences(tmp_path) == ["exposure/1.0.0.json"]


def test_export_does_not_overwrite_a_published_version(tmp_path: Path) -> None:
    """Given a published version, when it would change, then export refuses and writes nothing."""
    schemas.export(tmp_path, ["exposure"])
    file = tmp_path / "exposure" / "1.0.0.json"
    old = file.read_bytes().replace(b"minLength", b"maxItems")
    file.write_bytes(old)

    with pytest.raises(ValueError, match="raise the version instead"):
        schemas.export(tmp_path, ["exposure", "outcome"])

    assert file.read_bytes() == old
    assert not (tmp_path / "outcome").exists()


def test_export_may_change_the_wording(tmp_path: Path) -> None:
    """Given a published schema with another description, when exported, then it is replaced."""
    schemas.export(tmp_path, ["exposure"])
    file = tmp_path / "exposure" / "1.0.0.json"
    text = file.read_bytes()
    file.write_bytes(text.replace(b"was shown", b"saw"))

    schemas.export(tmp_path, ["exposure"])

    assert file.read_bytes() == text


def test_a_class_that_became_a_former_one_may_have_another_name(tmp_path: Path) -> None:
    """Given a published version, when its class is kept under a new name, then it is the same."""

    @event("purchase", version="1.0.0")
    class Purchase(Payload, frozen=True, kw_only=True):
        title: str

    schemas.export(tmp_path, ["purchase"])

    @schemas.former("purchase", version="1.0.0")
    class PurchaseOfOld(Payload, frozen=True, kw_only=True):
        title: str

    event("purchase", version="1.1.0")(Purchase)
    files = schemas.export(tmp_path, ["purchase"])

    assert [file.name for file in files] == ["envelope.json", "1.0.0.json", "1.1.0.json"]


def test_export_writes_every_registered_type(tmp_path: Path) -> None:
    """Given an event of your own, when all schemas are exported, then it is among them."""

    @event("purchase", version="1.2.0")
    class Purchase(Payload, frozen=True, kw_only=True):
        subject_id: str

    files = schemas.export(tmp_path)

    assert tmp_path / "purchase" / "1.2.0.json" in files
    assert all(file.is_file() for file in files)


def test_a_schema_says_what_is_on_the_wire() -> None:
    """Given a payload, when its schema is made, then names, limits and enums are told."""
    schema = schemas.json_schema("exposure", "1.0.0")

    properties = schema["properties"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:experimentframework:exposure:1.0.0"
    assert properties["experimentName"] == {"type": "string", "minLength": 1, "maxLength": 128}
    assert properties["tenantId"] == {"type": "string", "minLength": 1, "maxLength": 256}
    assert properties["timestamp"] == {"type": "string", "format": "date-time"}
    assert properties["attributes"] == {"type": "object"}
    assert properties["assignmentPolicy"] == {"$ref": "#/$defs/AssignmentPolicy"}
    assert "extra" not in schemas.envelope_schema()["properties"]


@pytest.mark.parametrize("name", built_in_types)
def test_a_schema_names_no_host(name: str) -> None:
    """Given any schema, when made, then its only address is that of the standard."""
    text = schemas.schema_text(schemas.json_schema(name)).decode()

    assert text.count("://") == 1


@pytest.mark.parametrize(("name", "version"), [("unheardOf", None), ("exposure", "9.0.0")])
def test_a_version_that_was_never_published_has_no_schema(name: str, version: str | None) -> None:
    """Given an unknown type or version, when its schema is asked for, then it is a KeyError."""
    with pytest.raises(KeyError):
        schemas.json_schema(name, version)


def test_versions_lists_former_classes_and_the_newest() -> None:
    """Given a former class, when the versions are listed, then each has its own schema."""

    @schemas.former("purchase", version="1.10.0")
    class Former(Payload, frozen=True, kw_only=True):
        price: str

    @schemas.former("purchase", version="1.9.0")
    class First(Payload, frozen=True, kw_only=True):
        cost: str

    @event("purchase", version="2.0.0")
    class Purchase(Payload, frozen=True, kw_only=True):
        amount: float

    known = schemas.versions("purchase")

    assert list(known) == ["1.9.0", "1.10.0", "2.0.0"]
    assert list(known.values()) == [First, Former, Purchase]
    assert list(schemas.json_schema("purchase", "1.9.0")["properties"]) == ["cost"]
    assert list(schemas.json_schema("purchase")["properties"]) == ["amount"]


def test_a_former_version_is_kept_once() -> None:
    """Given a kept version, when kept again, then it is refused."""
    schemas.former("purchase", version="1.0.0")(Payload)

    with pytest.raises(ValueError, match="already kept"):
        schemas.former("purchase", version="1.0.0")(msgspec.Struct)


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", ""])
def test_a_malformed_version_is_refused(version: str) -> None:
    """Given a version that is not semantic, when it is used, then it is refused."""
    assert schemas.parse_version(version) is None
    with pytest.raises(ValueError, match=r"is not MAJOR\.MINOR\.PATCH"):
        schemas.former("purchase", version=version)
    with pytest.raises(ValueError, match=r"is not MAJOR\.MINOR\.PATCH"):
        schemas.upcast("purchase", "0.1.0", version)


def same(payload: dict[str, Any]) -> dict[str, Any]:
    return payload


def test_an_upcast_leads_upwards() -> None:
    """Given a target that is not later, when an upcast is registered, then it is refused."""
    with pytest.raises(ValueError, match=r"1\.0\.0 is not later than 1\.0\.0"):
        schemas.upcast("purchase", "1.0.0", "1.0.0")


def test_two_upcasts_cannot_start_from_one_version() -> None:
    """Given an upcast, when another starts from its version, then it is refused."""
    schemas.upcast("purchase", "1.0.0", "2.0.0")(same)

    with pytest.raises(ValueError, match="already registered"):
        schemas.upcast("purchase", "1.0.0", "3.0.0")(mark("other"))


def test_a_module_can_be_loaded_again() -> None:
    """Given an upcast and a former class, when registered again, then they are replaced."""
    for _ in range(2):
        schemas.former("purchase", version="1.0.0")(Payload)
        schemas.upcast("purchase", "1.0.0", "2.0.0")(same)

    assert len(schemas._steps["purchase"]) == 1
    assert schemas.versions("purchase") == {"1.0.0": Payload}


def mark(step: str) -> Any:
    return lambda payload: {**payload, "steps": [*payload.get("steps", []), step]}


@pytest.mark.parametrize(
    ("written", "steps", "version"),
    [
        ("1.0.0", ["b", "c"], "3.1.0"),
        ("1.0.7", ["b", "c"], "3.1.0"),
        ("1.1.0", ["b", "c"], "3.1.0"),
        ("2.0.0", ["c"], "3.1.0"),
        ("3.0.0", [], "3.1.0"),
        ("3.1.0", [], "3.1.0"),
        ("3.2.0", [], "3.2.0"),
    ],
)
def test_lift_follows_the_chain(written: str, steps: list[str], version: str) -> None:
    """Given a chain of upcasts, when a payload is lifted, then each step is taken in its turn."""
    event("purchase", version="3.1.0")(Payload)
    schemas.upcast("purchase", "2.0.0", "3.0.0")(mark("c"))
    schemas.upcast("purchase", "1.1.0", "2.0.0")(mark("b"))
    schemas.upcast("purchase", "3.1.0", "4.0.0")(mark("too new"))

    lifted = schemas.lift("purchase", written, {})

    assert lifted == (version, {"steps": steps} if steps else {})


@pytest.mark.parametrize("written", ["0.1.0", "2.0.0", "4.0.0", "one"])
def test_lift_gives_up_where_the_chain_is_broken(written: str) -> None:
    """Given no way to the newest version, when a payload is lifted, then there is no answer."""
    event("purchase", version="3.0.0")(Payload)
    schemas.upcast("purchase", "1.0.0", "2.0.0")(same)

    lifted = schemas.lift("purchase", written, {})

    assert lifted is None


def test_lift_leaves_the_given_payload_alone() -> None:
    """Given an upcast that changes its argument, when lifted, the caller's stays the same."""
    event("purchase", version="2.0.0")(Payload)
    schemas.upcast("purchase", "1.0.0", "2.0.0")(lambda payload: payload.pop("a") or payload)
    payload = {"a": None}

    schemas.lift("purchase", "1.0.0", payload)

    assert payload == {"a": None}


def test_a_schema_is_read_as_json() -> None:
    """Given an exported text, when parsed, then it is the schema."""
    schema = schemas.json_schema("outcome")

    text = schemas.schema_text(schema)

    assert msgspec.json.decode(text) == schema
    assert text.endswith(b"}\n")
