"""Appends each batch to the file and syncs it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_jsonlines._errors import delivery_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from io import FileIO

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext
    from experimentframework_jsonlines._options import JsonLinesOptions


class JsonLinesBackplane:
    """One writer of the file. Its only thread serialises a delivery behind a cancelled one."""

    def __init__(self, path: Path, thread: ThreadPoolExecutor) -> None:
        self._path = path
        self._thread = thread

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Append and sync the batch, all of it or nothing."""
        lines = b"".join(record.body + b"\n" for record in batch)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._append, lines)

    def _append(self, lines: bytes) -> None:
        try:
            with self._path.open("ab+", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                start = _end_of_lines(file)
                # A process that died has left half a line; the batch that it was in comes again.
                file.truncate(start)
                try:
                    _write(file.fileno(), lines)
                except OSError:
                    file.truncate(start)
                    raise
        except OSError as error:
            raise delivery_error(error, self._path) from error


def _end_of_lines(file: FileIO) -> int:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return 0
    with mmap(file.fileno(), size, access=ACCESS_READ) as written:
        return written.rfind(b"\n") + 1


def _write(descriptor: int, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


@asynccontextmanager
async def open_jsonlines(
    options: JsonLinesOptions, context: OpenContext
) -> AsyncIterator[JsonLinesBackplane]:
    """Make the file where it is missing, and give a writer of it."""
    thread = ThreadPoolExecutor(1, thread_name_prefix=context.name)
    backplane = JsonLinesBackplane(Path(options.path), thread)
    try:
        await backplane.deliver(())
        yield backplane
    finally:
        thread.shutdown(wait=False)


def ordering_key(record: Record, options: JsonLinesOptions) -> str | None:
    """Return what must stay in order."""
    return record.subject if options.order_by == "subject" else record.experiment
