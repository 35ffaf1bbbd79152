"""The tutorial is done, step by step, as a reader does it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.docs.pages import Block, blocks_of, docs
from tests.docs.steps import do
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = docs / "tutorial.md"
PORT = "8000"


def blocks_with(*, broker: bool) -> list[Block]:
    """Return the tutorial's blocks: of the step with a broker, or of all that come before."""
    begin = PAGE.read_text("utf-8").partition("### A broker")[0].count("\n")
    return [block for block in blocks_of(PAGE) if (block.line > begin) is broker]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder; a web app that was started there is ended."""
    yield tmp_path
    with contextlib.suppress(OSError):  # it has ended, as it should
        pid = int((tmp_path / "web.pid").read_text())
        if b"web:app" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


def test_each_step_does_what_the_tutorial_says(folder: Path) -> None:
    """Given an empty folder, When each command is run in order, Then it prints what is shown."""
    port = str(free_port())
    steps = [
        msgspec.structs.replace(block, code=block.code.replace(PORT, port))
        for block in blocks_with(broker=False)
    ]

    shown, printed = do(steps, folder)

    assert len(shown) == sum(step.language == "text" for step in steps)
    assert printed == shown
