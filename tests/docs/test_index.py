"""A reader finds every page, and every example is tried."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import docs
from tests.docs.test_yaml import configurations
from tests.packaging.layout import root

if TYPE_CHECKING:
    from pathlib import Path

SECTIONS = ("how-to", "reference")
EXAMPLES = docs / "examples"
READMES = [root / "README.md", root / "CONTRIBUTING.md", *sorted(EXAMPLES.rglob("README.md"))]
OWN_TESTS = EXAMPLES / "plugins"
"""Distributions that bring their tests along."""


@pytest.mark.parametrize("folder", [docs / "explanation/decisions", root])
def test_nothing_is_told_twice(folder: Path) -> None:
    """Given the decisions or the changelog, When their lines are counted, Then each is one."""
    pages = folder.glob("*.md") if folder != root else [root / "CHANGELOG.md"]

    lines = Counter(line for page in pages for line in page.read_text("utf-8").splitlines())

    assert [line for line, times in lines.items() if times > 1 and len(line) > 60] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_the_index_of_a_section_links_every_page(section: str) -> None:
    """Given a section's index, When its links are followed, Then every page is reached."""
    folder = docs / section
    index = (folder / "index.md").read_text("utf-8")

    linked = {(folder / link).resolve() for link in re.findall(r"\]\(([^)#]+\.md)", index)}

    pages = {page for page in folder.rglob("*.md") if page.name != "index.md"}
    assert pages - linked == set()


@pytest.mark.parametrize("page", READMES, ids=lambda path: str(path.relative_to(root)))
def test_the_links_of_a_readme_work_in_the_repository(page: Path) -> None:
    """Given a page that is read outside of the site, When its links are followed, Then all work."""
    links = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))

    local = [link for link in links if not re.match(r"\w+:", link)]

    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_example_is_tried() -> None:
    """Given the example files, When the tests are searched, Then one uses each."""
    tests = [path.read_text("utf-8") for path in (root / "tests").rglob("*.py")]

    untried = [str(file) for file in example_files() if not is_tried(file, tests)]

    assert untried == []


def example_files() -> list[Path]:
    """Return the example files; those of distributions are tried by their own tests."""
    return [
        file
        for file in sorted(EXAMPLES.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and OWN_TESTS not in file.parents
    ]


def is_tried(file: Path, tests: list[str]) -> bool:
    """Return whether a test loads or names the file, and the folder that it is in."""
    if file in configurations:
        return True
    folder = "" if file.parent == EXAMPLES else file.parent.name
    name, _, _ = file.name.partition(".")
    return any(name in text and folder in text for text in tests)
