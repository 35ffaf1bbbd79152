"""The reference page says what the options classes say."""

from __future__ import annotations

import re
from pathlib import Path

from experimentframework_core import config
from experimentframework_core.config import load_text
from experimentframework_core.plugins import find_plugin
from tests.core.config.reference_tables import SECTIONS, tables

_KINDS = ("yaml", "python")
page = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def test_the_page_has_every_field_of_every_class() -> None:
    """Given the options classes, When the page is read, Then each field has its current row."""
    written = page.read_text("utf-8")

    missing = [line for line in tables().splitlines() if line not in written]

    assert missing == []


def test_the_page_has_no_row_that_no_class_has() -> None:
    """Given the page, When its rows of fields are compared, Then none is left over."""
    sections = page.read_text("utf-8").partition("## `dataPlane`")[2]
    rows = [line for line in sections.splitlines() if line.startswith("| `")]

    assert rows == [line for line in tables().splitlines() if line.startswith("| `")]


def test_the_examples_of_the_page_work() -> None:
    """Given the page's YAML and Python, When both are used, Then they say the same."""
    text = page.read_text("utf-8")
    in_yaml, in_python = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in _KINDS)
    said: dict[str, object] = {}

    exec(in_python[0], said)  # noqa: S102 - the page's own code
    loaded = load_text(in_yaml[0], find_plugin=find_plugin).data_plane

    assert loaded == said["options"]


def test_every_options_class_has_a_section() -> None:
    """Given the classes of dataPlane, When the sections are listed, Then none is without."""
    options = {getattr(config, name) for name in config.__all__ if name.endswith("Options")}
    classes = {each for each in options if each.__module__.endswith("_model")}

    assert set(SECTIONS.values()) == classes
