"""Keeps what is no event in a file of its own, as it was stored: a line of JSON for each."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, BinaryIO, Self

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.errors import ReplayError


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """What is no event: a line of the file.

    Attributes:
        position: The source's checkpoint behind it; None where the source has none.
        reason: Why it cannot be read.
        record: What is stored there, in base64; None where the source does not give it.
    """

    position: str | None
    reason: str
    record: str | None


class UnreadableFile:
    """Appends what is no event to a file, which is made with the first of it.

    A line is written before `add` returns, so the end of the process loses none.

    Attributes:
        path: The file.
        count: How many were added.
    """

    def __init__(self, path: Path) -> None:
        """Store where to write."""
        self.path = path
        self.count = 0
        self._file: BinaryIO | None = None
        self._synced = True

    def add(self, error: ReplayError, checkpoint: str | None) -> None:
        """Write one line.

        Raises:
            OSError: The file cannot be written.
        """
        record = None if error.record is None else base64.b64encode(error.record).decode()
        line = Unreadable(position=checkpoint, reason=str(error), record=record)
        if self._file is None:
            self._file = self.path.open("ab")
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()
        self.count += 1
        self._synced = False

    def sync(self) -> None:
        """Return when what was added outlives a loss of power.

        Raises:
            OSError: The file cannot be written.
        """
        if self._file is not None and not self._synced:
            os.fsync(self._file.fileno())
            self._synced = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
