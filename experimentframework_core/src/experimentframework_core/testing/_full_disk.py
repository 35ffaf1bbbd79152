"""A disk that is full in the middle of what is written."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def full_disk(path: Path | str, *, room: int) -> AsyncIterator[None]:
    """Have a disk that is full once the file at ``path`` has grown by ``room`` bytes.

    For `BackplaneConformance.cut_short`. Until the block ends no file of this process, nor of one
    that it forks, can be longer (``RLIMIT_FSIZE``). A write is cut there, and the next one fails.
    Where the system has no such limit the test is skipped.

    Args:
        path: The file; where there is none it counts as empty.
        room: How much of what is written has room.
    """
    resource = pytest.importorskip("resource", reason="this system limits the size of no file")
    # Python would take a cut file of a module's code for a whole one.
    no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_size_of(Path(path)) + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = no_bytecode


def _size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
