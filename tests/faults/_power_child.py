"""The process whose system calls are traced: writes commits, and says after each that it did."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core._disk.journal import Journal
from tests.faults._power_plan import read_commits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core._disk.journal import Commit


async def write(folder: Path, commits: Sequence[Commit], ends: str) -> None:
    """Open the journal, write the commits, then close it or die.

    Raises:
        DeliveryError: A commit failed.
    """
    journal = Journal(folder)
    opened = await journal.open()
    say(f"opened {opened.last}")
    for number, commit in enumerate(commits, 1):
        turn = await journal.turn(commit, [])
        if turn.error is not None:
            raise turn.error
        if turn.committed:
            say(f"committed {number}")
    if ends == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    await journal.aclose()
    say("closed")


def say(line: str) -> None:
    """Write a line in one system call."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    given = read_commits(Path(sys.argv[2]).read_bytes())
    asyncio.run(write(Path(sys.argv[1]), given, sys.argv[3]))
