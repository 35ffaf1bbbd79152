"""Every licence of what the distributions need was looked at, and is listed."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from tests.packaging.layout import root
from tools.licenses import PAGE, Row, is_known, licence_of, rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_licence_was_looked_at(row: Row) -> None:
    """Given a distribution that is needed, When its licence is read, Then it is a known one."""
    known = is_known(row.licence)

    assert known, (
        f"read the licence of {row.name}, {row.licence}, and put it into tools/licenses.py"
    )


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_licence_is_listed(row: Row) -> None:
    """Given a distribution that is needed, When the page is read, Then it has its row."""
    page = (root / PAGE).read_text("utf-8")

    line = f"| {' | '.join(row)} |"

    assert line in page.splitlines(), "run python -m tools.licenses"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("License-Expression: MIT AND 0BSD\nLicense: other", "MIT AND 0BSD"),
        ("License: Apache 2.0", "Apache-2.0"),
        ("License: A long text\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved :: Strange", "Strange"),
        ("License: Some terms\n        of a kind", "Some terms"),
        ("Name: nothing", "none said"),
    ],
)
def test_what_metadata_says(said: str, expected: str, tmp_path: Path) -> None:
    """Given metadata of any age, When its licence is read, Then it is this one."""
    (tmp_path / "METADATA").write_text(said)

    licence = licence_of(metadata.PathDistribution(tmp_path))

    assert licence == expected


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "Strange", "none said"]
)
def test_other_licences_are_not_known(licence: str) -> None:
    """Given a licence that nobody has looked at, When asked, Then it is not known."""
    known = is_known(licence)

    assert not known
