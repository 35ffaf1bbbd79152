"""The reference has every error, every log line and every setting of the built-in backplanes."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING

import msgspec
import pytest

import experimentframework_core
from experimentframework_core import errors
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.plugins import find_plugin
from tests.docs.pages import blocks_of, docs, pages
from tests.packaging.layout import core

if TYPE_CHECKING:
    from pathlib import Path

reference = docs / "reference"
no_log_lines = {
    "experimentframework.backplanes",
    "experimentframework.decorators",
    "experimentframework.events",
    "experimentframework.selection_modes",
}


def test_every_log_line_is_explained() -> None:
    """Given the sources, When their log lines are looked up, Then the page has exactly these."""
    sources = "".join(path.read_text() for path in core.rglob("*.py"))
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


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("sqlite", "sqlite"),
        ("logging", "logging"),
        ("inMemory", "memory"),
        ("kafka", "kafka"),
        ("azureServiceBus", "service-bus"),
        ("sqlServer", "sql-server"),
    ],
)
def test_every_option_of_a_backplane_is_explained(kind: str, name: str) -> None:
    """Given a backplane of ours, When its page is read, Then its table has each option."""
    fields = msgspec.structs.fields(find_plugin(kind).options)
    common = ChannelSettings.__struct_fields__
    wanted = {field.encode_name for field in fields if field.name not in common}

    explained = set(re.findall(r"^\| `(\w+)`", page(f"backplanes/{name}"), re.MULTILINE))

    assert wanted <= explained


def page(name: str) -> str:
    """Return a page of the reference."""
    return (reference / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("path", pages, ids=lambda path: path.name)
def test_every_include_is_found(path: Path) -> None:
    """Given a page, When its blocks are read, Then what they include is there, none is garbled."""
    blocks = blocks_of(path)

    left = [str(block) for block in blocks if re.search(r"^--8", block.code, re.MULTILINE)]

    assert left == []
