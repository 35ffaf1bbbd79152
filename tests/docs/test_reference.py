"""The reference has every error, every log line and every option."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import experimentframework_core
from experimentframework_core import config, errors
from tests.docs.option_tables import sections_of
from tests.docs.pages import blocks_of, docs, pages
from tests.docs.write_reference import COMMAND, PAGES, page_of, plugins, renewed
from tests.packaging.layout import core, plugin_names, root

if TYPE_CHECKING:
    from pathlib import Path

reference = docs / "reference"
no_log_lines = {
    "experimentframework.backplanes",
    "experimentframework.commands",
    "experimentframework.decorators",
    "experimentframework.events",
    "experimentframework.selection_modes",
    "experimentframework.sqlserver",
    "experimentframework.sync",
    "experimentframework.threadsafe_call",
}


def test_every_log_line_is_explained() -> None:
    """Given the sources, When their log lines are looked up, Then the page has exactly these."""
    folders = (core, *(root / name / "src" for name in plugin_names))
    sources = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    written = set(re.findall(r'"(experimentframework\.[a-z_]+)"', sources)) - no_log_lines

    explained = set(re.findall(r"`(experimentframework\.[a-z_]+)`", page("logs"))) - no_log_lines

    assert explained == written


def test_every_error_is_explained() -> None:
    """Given the public errors, When the table is read, Then each has a row."""
    public = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ExperimentFrameworkError)
    }
    groups = {"ExperimentFrameworkError", "PublishError"}

    explained = set(re.findall(r"`(\w+Error)`", page("errors")))

    assert public - groups <= explained


def test_the_tree_of_errors_is_the_docstrings() -> None:
    """Given the tree in the module's docstring, When the page is read, Then it has the same."""
    (shown,) = blocks_of(reference / "errors.md", "text")

    drawn = (errors.__doc__ or "").partition("::\n\n")[2]

    assert shown.code.strip() == dedent(drawn).strip()


def test_every_public_name_is_in_the_reference() -> None:
    """Given the package's public names, When the reference is read, Then it has each of them."""
    text = "".join(path.read_text("utf-8") for path in reference.rglob("*.md"))

    missing = [name for name in experimentframework_core.__all__ if not is_named(name, text)]

    assert missing == []


def is_named(name: str, text: str) -> bool:
    """Return whether a name stands in the reference, or documents itself there."""
    generated = name in vars(errors) or name.endswith("Options")
    return generated or re.search(rf"\b{name}\b", text) is not None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_tables_of_options_are_those_of_the_classes(path: Path) -> None:
    """Given a page, When its tables are made again, Then nothing changes."""
    text = path.read_text("utf-8")

    again = renewed(text)

    assert again == text, f"renew {path.name}: {COMMAND}"


@pytest.mark.parametrize("kind", plugins())
def test_the_options_of_a_backplane_have_a_page(kind: str) -> None:
    """Given a backplane type of this project, When its page is looked for, Then there is one."""
    found = page_of(kind)

    assert found is not None, f"no page has the mark <!-- options of {kind} -->"


def test_every_options_class_is_in_the_tables() -> None:
    """Given the public options classes, When the tables are made, Then each has one."""
    public = {getattr(config, name) for name in config.__all__ if name.endswith("Options")}

    shown = {section.options for section in sections_of(config.Configuration, "", within="")}

    assert public - shown == set()


def test_every_option_has_a_meaning() -> None:
    """Given all tables of options, When their rows are read, Then each says what it means."""
    rows = [
        row
        for path in PAGES
        for row in re.findall(r"^\| `[^|]+`.*\|$", path.read_text(), re.MULTILINE)
    ]

    silent = [row for row in rows if row.replace("\\|", "").split("|")[-2].strip() == ""]

    assert rows
    assert silent == []


def page(name: str) -> str:
    """Return a page of the reference."""
    return (reference / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("path", pages, ids=lambda path: path.name)
def test_every_include_is_found(path: Path) -> None:
    """Given a page, When its blocks are read, Then what they include is there, none is garbled."""
    blocks = blocks_of(path)

    left = [str(block) for block in blocks if re.search(r"^--8", block.code, re.MULTILINE)]

    assert left == []
