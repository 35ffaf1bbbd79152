"""Does the steps of a page as a reader does them, and compares what is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.docs.pages import Block

LEFT_OUT = "…"


def do(
    steps: Sequence[Block],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> tuple[list[list[str]], list[list[str]]]:
    """Write the files and run the commands of a page there, in order.

    Args:
        steps: The blocks: files, commands, and what each prints.
        folder: Where.
        environment: Variables beside `PATH`, `HOME` and `COLUMNS`.

    Returns:
        For each block of output the lines that are shown, and those of them that were printed.
    """
    shown: list[list[str]] = []
    printed: list[list[str]] = []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step.file:
            (folder / step.file).write_text(step.code, "utf-8")
        elif command := command_of(step):
            output = run(command, step, folder, environment or {})
            if following is not None and following.language == "text":
                shown.append(lines(following.code))
                printed.append(found(shown[-1], lines(output)))
    return shown, printed


def command_of(step: Block) -> str:
    """Return what to run of a block; of one that installs, the command that was installed."""
    if step.language == "sh":
        return step.code.partition("&& .venv/bin/")[2]
    return step.code if step.language == "console" else ""


def run(command: str, step: Block, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a block of the console there, and return what it prints."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euc", command],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def lines(text: str) -> list[str]:
    """Return the lines that say something; a line of `…` stands for lines that are left out."""
    return [line.rstrip() for line in text.splitlines() if line.strip() not in ("", LEFT_OUT)]


def found(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Return the shown lines in the order in which they were printed.

    `…` in a line stands for anything, as for an id or a time.
    """
    matched = (_shown_as(line, shown) for line in printed)
    return [line for line in matched if line is not None]


def _shown_as(line: str, shown: Sequence[str]) -> str | None:
    return next((each for each in shown if _pattern(each).fullmatch(line)), None)


def _pattern(shown: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in shown.split(LEFT_OUT)))
