"""Records what a process does to a journal: its system calls, read back as changes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import _trace
from tests.faults._lossy_disk import LossyDisk
from tests.faults._power_plan import write_commits
from tests.faults._processes import root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults._power_plan import Life

_time_to_write = 60.0
"""Seconds after which a process that still writes has failed."""


def record(life: Life, files: Mapping[str, bytes]) -> list[_trace.Change]:
    """Have a process write the life into a folder with these files; return what it did.

    Raises:
        TraceError: The process failed, or what it did does not lead to the files it left.
    """
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        folder = Path(name, "journal")
        lay_out(folder, files)
        trace, given = Path(name, "trace"), Path(name, "commits")
        given.write_bytes(write_commits(life))
        child = [sys.executable, "-m", "tests.faults._power_child"]
        done = subprocess.run(
            [*_trace.command(str(trace)), *child, folder, given, life.ends],
            cwd=root, capture_output=True, timeout=_time_to_write, check=False,
        )  # fmt: skip
        if done.returncode != (-9 if life.ends == "kill" else 0):
            raise _trace.TraceError(f"the process ended with {done.returncode}: {done.stderr!r}")
        with trace.open(encoding="ascii") as lines:
            calls = _trace.read_calls(lines)
            changes = list(_trace.Reader(str(folder)).read(calls))
        left = {path.name: path.read_bytes() for path in folder.iterdir()}
    disk = LossyDisk(files)
    for change in changes:
        disk.make(change)
    if disk.files() != left:
        raise _trace.TraceError("the calls that were traced do not lead to the files of the end")
    return changes


def lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder with these files."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
