"""Every block of YAML in the documentation, and every example file, is a good configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import experimentframework_jsonlines
from experimentframework_core.config import Configuration, load_file, load_text
from experimentframework_core.plugins import find_plugin
from tests.docs.pages import Block, all_blocks, docs

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.plugin import BackplanePlugin


def find(type_name: str) -> BackplanePlugin[Any]:
    """Return the plugin of a type; the one that a how-to writes is not installed here."""
    written = experimentframework_jsonlines.plugin
    return written if type_name == written.type else find_plugin(type_name)


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=str)
def test_a_block_is_a_good_configuration(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a block of YAML, When it is loaded, Then it has no problem."""
    monkeypatch.setenv("REDACTION_KEY", "a key")

    configuration = load_text(block.code, find_plugin=find)

    assert configuration != Configuration()


@pytest.mark.parametrize("file", sorted((docs / "examples").glob("*.yaml")), ids=lambda f: f.name)
def test_an_example_is_a_good_configuration(file: Path) -> None:
    """Given an example file, When it is loaded, Then it has no problem."""
    configuration = load_file(file, find_plugin)

    assert configuration != Configuration()
