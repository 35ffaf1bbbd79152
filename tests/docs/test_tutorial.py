"""The tutorial is done, step by step, as a reader does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import Block, blocks_of, docs

if TYPE_CHECKING:
    from pathlib import Path

page = docs / "tutorial.md"


@pytest.mark.timeout(180)
def test_each_step_does_what_the_tutorial_says(tmp_path: Path) -> None:
    """Given a checkout, When each command is run in order, Then it prints what is shown."""
    shutil.copytree(docs / "examples", tmp_path / "docs/examples")
    steps = [block for block in blocks_of(page) if block.language != "sh"]

    shown, printed = [], []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step.file:
            (tmp_path / step.file).write_text(step.code, "utf-8")
        elif step.language == "console":
            output = run(step, tmp_path)
            if following is not None and following.language == "text":
                shown.append(lines(following.code))
                printed.append([line for line in lines(output) if line in shown[-1]])

    assert shown
    assert printed == shown


def run(step: Block, folder: Path) -> str:
    """Run a block of the console there, and return what it prints."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euc", step.code],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def lines(text: str) -> list[str]:
    """Return the lines that say something; `…` stands for what is left out."""
    return [line.rstrip() for line in text.splitlines() if line.strip() not in ("", "…")]
