"""Chunks of a file or pipe, read beside the loop."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.cli._chunks import ChunkReader

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_pipe_gives_what_is_there_without_waiting_for_more() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"first")

    with ChunkReader(reading) as reader:
        first = await reader.read()
        os.close(writing)
        end = await reader.read()

    assert (first, end) == (b"first", b"")
    os.close(reading)


async def test_the_loop_goes_on_while_a_pipe_is_silent() -> None:
    reading, writing = os.pipe()

    with ChunkReader(reading) as reader:
        waiting = asyncio.ensure_future(reader.read())
        for _ in range(10):
            await asyncio.sleep(0)
        was_done = waiting.done()
        os.write(writing, b"now")
        found = await waiting

    assert not was_done
    assert found == b"now"
    os.close(writing)
    os.close(reading)


async def test_what_cannot_be_read_raises(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)

    with ChunkReader(folder) as reader, pytest.raises(IsADirectoryError):
        await reader.read()

    os.close(folder)
