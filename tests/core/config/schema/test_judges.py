"""The loader and the JSON Schema say the same of a document, as far as its shape goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core.config._files.find import is_configuration
from tests.core.config import bad_lines as parts
from tests.core.config.broken_files import broken
from tests.core.config.documents import Document, damaged, documents, in_json, in_yaml
from tests.core.config.judges import by_the_loader, by_the_schema, in_files, of_shape

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = sorted(
    file
    for file in (Path(__file__).parents[4] / "docs" / "examples").iterdir()
    if file.suffix in {".yaml", ".yml", ".json"}
)
AROUND: dict[str, Callable[[str], str]] = {
    "root": str,
    "plane": "dataPlane:\n  {}\n  backplane: {{type: plain}}\n".format,
    "backplane": "dataPlane:\n  backplane: {}\n".format,
    "options": (
        "dataPlane:\n  backplane:\n    type: courier\n    options:\n      addresses: a\n      {}\n"
    ).format,
    "addresses": "dataPlane:\n  backplane: {{type: courier, options: {{addresses: {}}}}}\n".format,
    "decorators": parts.in_decorators,
    "selection": parts.in_selection_mode,
    "trials": parts.in_trials,
    "experiments": parts.in_experiments,
    "hypotheses": parts.in_hypothesis,
    "governance": parts.in_governance,
    "settings": str,
}


def bad_texts() -> list[str]:
    """Return a document for each case in ``bad/``."""
    found = []
    for file in sorted(parts.FOLDER.glob("*.txt")):
        _, *blocks = file.read_text("utf-8").split("\n\n")
        for block in blocks:
            lines = [line for line in block.strip().splitlines() if not line.startswith("=> ")]
            found.append(AROUND[file.stem]("\n".join(lines)))
    return found


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_good_to_both(file: Path) -> None:
    """Given an example, When both judge it, Then neither finds anything."""
    text = file.read_text("utf-8")

    said = by_the_loader(text, file.name), by_the_schema(text)

    assert said == ([], [])


@pytest.mark.parametrize("text", bad_texts())
def test_what_is_wrong_in_shape_is_wrong_to_both(text: str) -> None:
    """Given a bad document, When both judge it, Then the schema refuses it just for its shape."""
    by_us = by_the_loader(text)

    by_schema = by_the_schema(text)

    assert by_us != []
    assert bool(by_schema) == bool(of_shape(by_us)), (by_us, by_schema)


@pytest.mark.parametrize("path", broken(), ids=lambda path: path.name)
def test_a_broken_file_is_broken_to_both(path: Path) -> None:
    """Given a broken file, When both judge it, Then the schema refuses it just for its shape."""
    by_us = in_files(path)

    files = sorted(each for each in path.rglob("*.*") if is_configuration(each)) or [path]
    by_schema = [said for file in files for said in by_the_schema(file.read_bytes(), file.name)]

    assert by_us != []
    assert bool(by_schema) == bool(of_shape(by_us)), (by_us, by_schema)


@pytest.mark.parametrize(
    "text",
    [
        AROUND["plane"]("batchSize: 5.0"),  # a whole number to JSON Schema
        AROUND["plane"]("batchSize: '${NOT_SET_HERE:-5}'"),  # text, by its quotes
        AROUND["plane"]("flushIntervalMs: 0.5ms"),  # no whole millisecond
        AROUND["plane"]("flushIntervalMs: 3651d"),  # more than ten years
        AROUND["trials"](f"{parts.TRIAL[:-1]}, activation: {{from: 2026-02-30T00:00:00Z}}}}"),
    ],
)
def test_what_only_the_loader_sees(text: str) -> None:
    """Given what is not in the data, When both judge it, Then only the loader refuses it."""
    said = bool(by_the_loader(text)), bool(by_the_schema(text))

    assert said == (True, False)


@settings(
    max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(documents())
def test_a_good_document_is_good_to_both(document: Document) -> None:
    """Given a document made from the types, When both judge it, Then its shape is good to both."""
    by_us, by_schema = by_the_loader(json.dumps(document)), by_the_schema(json.dumps(document))

    assert (of_shape(by_us), by_schema) == ([], [])


@settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(damaged(documents()), st.sampled_from([(in_json, "e.json"), (in_yaml, "e.yaml")]))
def test_a_document_with_one_thing_changed_is_the_same_to_both(
    document: Document, written: tuple[Callable[[Document], str], str]
) -> None:
    """Given a document in which one thing is changed, When both judge it, Then they agree."""
    write, name = written
    text = write(document)

    by_us, by_schema = by_the_loader(text, name), by_the_schema(text)

    assert bool(by_schema) == bool(of_shape(by_us)), (by_us, by_schema)
