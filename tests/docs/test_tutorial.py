"""The tutorial is done, step by step, as a reader does it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.docs.pages import Block, blocks_of, docs
from tests.docs.steps import do

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = docs / "tutorial.md"
PORT = "8000"
ENDS = {"web:app": "Uvicorn running", "kill $(": "Finished server process"}
"""What the log says when a command is done that does not wait for it."""


def blocks_with(*, broker: bool) -> list[Block]:
    """Return the tutorial's blocks: of the step with a broker, or of all that come before."""
    begin = PAGE.read_text("utf-8").partition("### A broker")[0].count("\n")
    return [block for block in blocks_of(PAGE) if (block.line > begin) is broker]


@pytest.fixture
def wait(tmp_path: Path) -> Iterator[Callable[[Block], None]]:
    """Return what waits until a command in the background is done; its process is ended."""
    log, pid = tmp_path / "web.log", tmp_path / "web.pid"

    def wait(step: Block) -> None:
        for command, end in ENDS.items():
            while command in step.code and not says(f"[{pid.read_text().strip()}]", end):
                time.sleep(0.02)

    def says(*words: str) -> bool:
        return all(word in log.read_text() for word in words)

    yield wait
    if pid.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.timeout(180)
def test_each_step_does_what_the_tutorial_says(
    wait: Callable[[Block], None], tmp_path: Path
) -> None:
    """Given an empty folder, When each command is run in order, Then it prints what is shown."""
    port = str(free_port())
    steps = [
        msgspec.structs.replace(block, code=block.code.replace(PORT, port))
        for block in blocks_with(broker=False)
    ]

    shown, printed = do(steps, tmp_path, after=wait)

    assert len(shown) == sum(step.language == "text" for step in steps)
    assert printed == shown


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
