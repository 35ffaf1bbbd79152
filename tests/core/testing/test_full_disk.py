"""A disk that is full as a test says."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.testing import full_disk

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_write_is_cut_where_the_room_ends(tmp_path: Path) -> None:
    """Given a file with so much room, when more is written, then as much is there as has room."""
    path = tmp_path / "events"
    path.write_bytes(b"12345")

    with path.open("ab", buffering=0) as file:
        async with full_disk(path, room=3):
            written = file.write(b"abcdef")
            with pytest.raises(OSError, match="File too large"):
                file.write(b"def")

    assert written == 3
    assert path.read_bytes() == b"12345abc"


async def test_a_file_that_is_not_there_has_as_much_room(tmp_path: Path) -> None:
    """Given no file, when one is written, then the room is all that it can have."""
    path = tmp_path / "events"

    async with full_disk(path, room=3):
        with path.open("wb", buffering=0) as file:
            written = file.write(b"abcdef")

    assert written == 3


async def test_there_is_room_again_behind_it(tmp_path: Path) -> None:
    """Given a test that fails in it, when it ends, then all is as it was."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode

    with pytest.raises(ZeroDivisionError):
        async with full_disk(tmp_path / "events", room=3):
            raise ZeroDivisionError

    assert (resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode) == before


async def test_python_writes_no_module_meanwhile(tmp_path: Path) -> None:
    """Given a module that nobody has imported, when it is, then no half of its code is kept."""
    (tmp_path / "fresh_module.py").write_text("text = 'x' * 100\n")
    sys.path.insert(0, str(tmp_path))

    try:
        async with full_disk(tmp_path / "events", room=3):
            __import__("fresh_module")
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("fresh_module", None)

    assert not (tmp_path / "__pycache__").exists()


async def test_a_process_may_die_of_it(tmp_path: Path) -> None:
    """Given a process that does not ignore the signal, when it writes, then it dies."""
    path = tmp_path / "events"

    async with full_disk(path, room=3):
        child = await asyncio.create_subprocess_exec(sys.executable, "-Bc", _DIES, path)
        died_of = await child.wait()

    assert died_of == -signal.SIGXFSZ
    assert path.read_bytes() == b"abc"


_DIES = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
with open(sys.argv[1], "wb", buffering=0) as file:
    file.write(b"abcdef")
    file.write(b"def")
"""
