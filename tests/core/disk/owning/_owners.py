"""Owners of journal folders: what they have, what they leave, and one in another process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core._disk.owner import Claim


CLAIMING = """
    import sys
    from pathlib import Path
    from experimentframework_core._disk import owner

    print("ready", flush=True)
    for line in sys.stdin:
        claimed = getattr(owner, line.strip())(Path(sys.argv[1]))
        print(claimed.folder.name if claimed else "none", flush=True)
"""


class Other:
    """Another process, which claims when it is told to and holds what it got."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CLAIMING), str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, what: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def said(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def asked(self, what: str) -> str:
        self.tell(what)
        return self.said()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=100)


def names(claims: list[Claim]) -> list[str]:
    return [each.folder.name for each in claims]


def leave_journal(folder: Path) -> Path:
    """Put into the folder what a dead process leaves; it is not opened here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal.db").write_bytes(b"rows")
    return folder
