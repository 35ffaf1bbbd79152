"""The code of the how-to guides about tests runs as it stands there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import blocks_of, docs, write_files

if TYPE_CHECKING:
    from pathlib import Path

GUIDES = [docs / "how-to" / name for name in ("test-a-backplane.md", "test-an-application.md")]
TESTS = [
    pytest.param(guide, str(block.file), id=str(block.file))
    for guide in GUIDES
    for block in blocks_of(guide)
    if str(block.file).startswith("test_")
]


@pytest.mark.parametrize(("guide", "name"), TESTS)
def test_the_files_of_a_guide_pass(guide: Path, name: str, tmp_path: Path) -> None:
    """Given a guide's files in a folder, when pytest runs one, then it passes."""
    write_files(guide, tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_block_of_code_is_run(guide: Path) -> None:
    """Given a guide, then each block of Python has a file name, so that it is run."""
    blocks = blocks_of(guide, "python")

    assert blocks
    assert [str(block) for block in blocks if block.file is None] == []
