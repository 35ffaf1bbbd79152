"""Events of every version that was ever published are read for ever."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from experimentframework_core.codec import decode, decode_record, encode
from experimentframework_core.events import (
    EventType,
    Payload,
    built_in_types,
    event,
    event_type_named,
)
from tests.core.corpus import (
    COMMAND,
    FOLDER,
    SCHEMAS,
    SUMS,
    decoded,
    differing,
    golden,
    lines,
    missing,
    written,
)
from tests.core.event_strategies import own_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

every_file = pytest.mark.parametrize(
    "file", written(), ids=lambda file: file.relative_to(FOLDER).as_posix()
)


def registered(file: Path) -> EventType:
    found = event_type_named(file.parent.name)
    assert found is not None
    return found


@every_file
def test_every_event_is_read_as_it_always_was(file: Path) -> None:
    """Given the events of a version, when decoded, then they are what was written down."""
    expected = golden(file).read_text("utf-8")

    assert decoded(file) == expected, f"look at each line that {COMMAND} changes"


@every_file
def test_every_event_is_typed_as_the_newest_version(file: Path) -> None:
    """Given the events of a version, when decoded, then nothing of them is left undecoded."""
    newest = registered(file)

    read = [decode(line, strict=True) for line in lines(file)]

    assert {type(each.payload) for each in read} == {newest.payload}
    assert {each.schema_version for each in read} == {newest.version}
    assert [decode(encode(each), strict=True) for each in read] == read


@every_file
def test_every_record_keeps_its_bytes(file: Path) -> None:
    """Given the events of a version, when read as records, then they are as they were written."""
    records = [decode_record(line) for line in lines(file)]

    assert [record.body for record in records] == lines(file)
    assert {record.schema_version for record in records} == {file.stem}


@pytest.mark.parametrize("name", built_in_types)
def test_the_newest_version_is_still_written_so(name: str) -> None:
    """Given the newest version, when its events are encoded again, then the bytes are the same."""
    newest = event_type_named(name)
    assert newest is not None
    file = FOLDER / name / f"{newest.version}.ndjson"

    again = [encode(decode(line)) for line in lines(file)]

    assert again == lines(file)


@every_file
def test_every_event_fits_its_published_schema(file: Path) -> None:
    """Given the events of a version, when validated, then they fit its schema in docs/schemas."""
    payload = validator(f"{file.parent.name}/{file.stem}")
    envelope = validator("envelope")

    events = [json.loads(line) for line in lines(file)]

    assert [error for each in events for error in envelope.iter_errors(each)] == []
    assert [error for each in events for error in payload.iter_errors(each["payload"])] == []


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_published_version_has_its_events() -> None:
    """Given all versions of the code and of docs/schemas, then each has a file."""
    published = {
        file.relative_to(SCHEMAS).with_suffix("").as_posix() for file in SCHEMAS.glob("*/*.json")
    }

    assert missing() == [], f"run {COMMAND}"
    assert {file.relative_to(FOLDER).with_suffix("").as_posix() for file in written()} == published


def test_no_event_was_changed_or_removed() -> None:
    """Given the list of hashes, when the files are compared, then they are as they were."""
    assert differing() == [], "events of a published version never change"


def test_a_new_version_without_events_is_noticed() -> None:
    """Given a type with a new version, when looked up, then its file is missing."""
    with own_registry():

        class Exposure(Payload, frozen=True, kw_only=True):
            experiment_name: str

        Exposure.__module__ = "experimentframework_core.events"
        Exposure.__qualname__ = "Exposure"
        event("exposure", version="1.1.0")(Exposure)

        assert missing() == ["exposure/1.1.0"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda folder: (folder / "outcome/1.0.0.ndjson").unlink(), "outcome/1.0.0.ndjson"),
        (
            lambda folder: (folder / "error/1.0.0.ndjson").write_bytes(b"{}\n"),
            "error/1.0.0.ndjson",
        ),
        (
            lambda folder: shutil.copy(
                folder / "error/1.0.0.ndjson", folder / "error/1.2.0.ndjson"
            ),
            "error/1.2.0.ndjson",
        ),
        (
            lambda folder: (folder / SUMS).write_text(
                (folder / SUMS).read_text().partition("\n")[2]
            ),
            "exposure/1.0.0.ndjson",
        ),
    ],
)
def test_a_changed_or_removed_file_is_noticed(
    change: Callable[[Path], Any], name: str, tmp_path: Path
) -> None:
    """Given a file that was changed, removed, or is not listed, when compared, then it is named."""
    folder = tmp_path / "corpus"
    shutil.copytree(FOLDER, folder)

    change(folder)

    assert differing(folder) == [name]


@pytest.mark.parametrize("name", built_in_types)
def test_every_field_and_every_value_of_an_enum_is_in_it(name: str) -> None:
    """Given a type, when its events are looked at, then each field stands there, and each value."""
    newest = event_type_named(name)
    assert newest is not None
    schema = json.loads((SCHEMAS / name / f"{newest.version}.json").read_text())

    payloads = [
        msgspec.json.decode(line)["payload"]
        for line in lines(FOLDER / name / f"{newest.version}.ndjson")
    ]

    assert payloads[0].keys() == schema["properties"].keys()
    for field, said in schema["properties"].items():
        if "$ref" in said:
            values = schema["$defs"][said["$ref"].rpartition("/")[2]]["enum"]
            assert {each[field] for each in payloads if field in each} == set(values)
