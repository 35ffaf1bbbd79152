"""The outside of a peer's process: it is started, told what to do in lines, and ended by its id."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_root = Path(__file__).parents[2]


class Process:
    """A module of the peers in a process of its own."""

    def __init__(self, module: str) -> None:
        """Store which one; nothing runs before `start`."""
        self._module = module
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str | Path]) -> bytes:
        """Start it, and return the first line that it says."""
        self._running = subprocess.Popen(
            [sys.executable, "-m", self._module, *arguments],
            cwd=_root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._running.stdout is not None
        said = self._running.stdout.readline()
        assert said, f"{self._module} did not start; its standard error says why"
        return said

    def kill(self) -> None:
        """End it as ``kill -9`` does, by its id; nothing happens where it has ended."""
        if self._running is not None:
            assert self._running.stdin is not None
            assert self._running.stdout is not None
            self._running.kill()
            self._running.wait()
            self._running.stdin.close()
            self._running.stdout.close()
            self._running = None

    def tell(self, order: bytes) -> bytes:
        """Return what it answers to a line."""
        assert self._running is not None, f"{self._module} does not run"
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        self._running.stdin.write(order + b"\n")
        self._running.stdin.flush()
        said = self._running.stdout.readline()
        assert said, f"{self._module} ended; its standard error says why"
        return said
