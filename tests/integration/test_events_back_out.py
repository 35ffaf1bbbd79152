"""The page that leads events through every kind of destination is done as a reader does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import Block, blocks_of, docs, write_files
from tests.docs.test_tutorial import lines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.tds.peer import TdsPeer

page = docs / "how-to/events-back-out.md"


@pytest.mark.timeout(120)
def test_the_same_events_are_at_every_stop(brokers: str, tds_peer: TdsPeer, tmp_path: Path) -> None:
    """Given a broker and a server, When the page is done, Then each step prints what is shown."""
    shutil.copytree(docs / "examples", tmp_path / "docs/examples")
    write_files(page, tmp_path)
    environment = {
        "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "COLUMNS": "120",
        "KAFKA_BROKERS": brokers,
        "EVENTS_TOPIC": f"events-back-out-{os.getpid()}",
        "EVENTS_SQL": tds_peer.connection_string("replayed"),
    }
    steps = [block for block in blocks_of(page) if block.language in ("console", "text")]

    shown, printed = [], []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step.language == "console":
            output = lines(run(step, tmp_path, environment))
            if following is not None and following.language == "text":
                shown.append(lines(following.code))
                printed.append([line for line in output if line in shown[-1]])

    assert len(shown) == 3
    assert printed == shown


def run(step: Block, folder: Path, environment: dict[str, str]) -> str:
    """Run a block of the console there, and return what it prints."""
    done = subprocess.run(
        ["/bin/bash", "-euc", step.code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr
