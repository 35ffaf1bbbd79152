"""The pictures of the documentation can be seen everywhere, and by everybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.docs.pages import docs, pages

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
pictures = sorted((docs / "assets").glob("*.svg"))


@pytest.mark.parametrize("picture", pictures, ids=lambda path: path.name)
def test_a_picture_says_what_it_shows(picture: Path) -> None:
    """Given a picture, When a screen reader asks, Then it has a title and a description."""
    root = ET.fromstring(picture.read_text("utf-8"))  # noqa: S314 - our own file

    named = [root.find(f"{SVG}title"), root.find(f"{SVG}desc")]

    assert root.get("role") == "img"
    assert [each.get("id") for each in named if each is not None and each.text] == (
        root.get("aria-labelledby", "").split()
    )


@pytest.mark.parametrize("picture", pictures, ids=lambda path: path.name)
def test_a_picture_asks_no_other_host(picture: Path) -> None:
    """Given a picture, When its addresses are read, Then only names of XML are among them."""
    text = picture.read_text("utf-8")

    addresses = re.findall(r"(?:https?:|//)[^\s\"\')]*", text)

    assert addresses == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("picture", pictures, ids=lambda path: path.name)
def test_a_picture_has_the_colours_of_its_page(picture: Path) -> None:
    """Given a picture, When its text is drawn, Then in the page's colour, on any background.

    A blank line would end it in the middle, where a page includes it.
    """
    text = picture.read_text("utf-8")

    assert "text { fill: currentColor" in text
    assert "svg:root {" in text
    assert "\n\n" not in text


@pytest.mark.parametrize("picture", pictures, ids=lambda path: path.name)
def test_a_picture_stands_on_a_page(picture: Path) -> None:
    """Given a picture, When it is looked for, Then some page shows it."""
    name = f"assets/{picture.name}"

    shown = [page for page in pages if name in page.read_text("utf-8")]

    assert shown
