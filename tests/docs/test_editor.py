"""What the page about editors shows is good to the JSON Schema and to the loader."""

from __future__ import annotations

import json

import pytest

from tests.core.config.judges import by_the_loader, by_the_schema
from tests.docs.pages import Block, blocks_of, docs

PAGE = docs / "how-to" / "complete-in-an-editor.md"
CONFIGURATIONS = [
    block for block in blocks_of(PAGE, "yaml", "json") if "experimentFramework" in block.code
]
SCHEMA_FILE = "./experiments.schema.json"


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_a_configuration_of_the_page_is_good_to_both(block: Block) -> None:
    """Given a configuration of the page, When both judge it, Then neither finds anything."""
    name = block.file or "experiments.yaml"

    said = by_the_loader(block.code, name), by_the_schema(block.code)

    assert said == ([], [])


def test_the_settings_of_the_editor_name_the_schema() -> None:
    """Given the settings for VS Code, When they are read, Then both languages get the schema."""
    (block,) = (each for each in blocks_of(PAGE, "json") if "yaml.schemas" in each.code)

    settings = json.loads(block.code)

    assert list(settings["yaml.schemas"]) == [SCHEMA_FILE]
    assert [each["url"] for each in settings["json.schemas"]] == [SCHEMA_FILE]


def test_the_command_of_the_page_writes_that_file() -> None:
    """Given the page's command, When it is read, Then it writes the file that the rest names."""
    (block,) = blocks_of(PAGE, "console")

    assert block.code.split()[-2:] == ["--output", SCHEMA_FILE.removeprefix("./")]
