"""A page says what is to be installed for what it shows, and how while nothing is on an index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import docs
from tests.packaging.layout import root

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {path: path.read_text("utf-8") for path in sorted(docs.rglob("*.md"))}
WITH_TOOLS = [
    path for path, text in TEXTS.items() if "from experimentframework_core.testing" in text
]
WITH_INSTALL = [path for path, text in TEXTS.items() if 'pip install "experimentframework[' in text]


@pytest.mark.parametrize("page", WITH_TOOLS, ids=lambda path: str(path.relative_to(root)))
def test_a_page_with_test_tools_names_their_extra(page: Path) -> None:
    """Given a page whose code imports the test tools, When it is read, Then it names the extra."""
    text = TEXTS[page]

    assert re.search(r"extra `testing`|\[testing\]", text)


@pytest.mark.parametrize("page", WITH_INSTALL, ids=lambda path: str(path.relative_to(root)))
def test_a_page_that_installs_says_how_without_an_index(page: Path) -> None:
    """Given a page that installs by name, When it is read, Then it says how until that works."""
    text = TEXTS[page]

    assert re.search(r"Until (it is|they are) on an index, \[install", text)
