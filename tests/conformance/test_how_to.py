"""The code of the how-to guide runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "test-a-backplane.md"
FILES = dict(
    re.findall(
        r'^```\w+ title="([\w.]+)"\n(.*?)^```$', GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("test_")])
def test_the_files_of_the_guide_pass(name: str, tmp_path: Path) -> None:
    """Given the guide's files in a folder, when pytest runs one, then it passes."""
    for file, code in FILES.items():
        (tmp_path / file).write_text(code, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_block_of_code_is_run() -> None:
    """Given the guide, then each block of Python has a file name, so that it is run."""
    blocks = re.findall(r"^```python.*$", GUIDE.read_text("utf-8"), re.MULTILINE)

    assert len(blocks) == len([name for name in FILES if name.endswith(".py")])
