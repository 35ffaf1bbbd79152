"""The broken files, and what loading them says: ``python -m tests.core.config.broken_files``.

The command writes what is said now beside each file; read every line of what it changes.
"""

from __future__ import annotations

import os
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

from experimentframework_core.config import read_configuration
from experimentframework_core.plugins import find_plugin

FOLDER = Path(__file__).parent / "broken"
SUFFIX = ".problems"
SECRET = "hunter2"
"""What no problem may show."""
ENVIRONMENT = {
    "BROKEN_NUMBER": "many",
    "BROKEN_WORD": "nonsense",
    "BROKEN_SECRET": f"Endpoint=sb://shop/;SharedAccessKey={SECRET}",
}
"""The only variables that are set while the files are loaded."""


def broken() -> list[Path]:
    """Return the broken files and folders, without what is expected of them."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix != SUFFIX)


def texts(path: Path) -> list[bytes]:
    """Return what stands in a broken file, or in each file of a broken folder, the upper first."""
    files = sorted(
        (each for each in path.rglob("*.*") if each.is_file()),
        key=lambda each: (len(each.parts), each.stem != "experiments", each),
    )
    return [each.read_bytes() for each in files or [path]]


def expected(path: Path) -> Path:
    """Return the file with the problems of a broken file or folder."""
    return path.with_suffix(SUFFIX)


def problems(path: Path) -> list[str]:
    """Return what loading a broken file or folder says, each problem as it is printed."""
    with chdir(FOLDER), patch.dict(os.environ, ENVIRONMENT, clear=True):
        loaded = read_configuration(path.name, find_plugin)
    return [str(problem) for problem in loaded.problems]


def main() -> None:
    """Write the problems of every broken file beside it."""
    for path in broken():
        expected(path).write_text("".join(f"{line}\n" for line in problems(path)), "utf-8")


if __name__ == "__main__":
    main()
