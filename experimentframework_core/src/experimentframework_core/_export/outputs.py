"""Where an export goes: a file, or a folder of many; under its name only when it is complete."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING, Protocol

from experimentframework_core._export.part import Part
from experimentframework_core._export.partitions import is_part, parted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from experimentframework_core._export.writers import Format
    from experimentframework_core.envelope import Envelope

MOST_OPEN = 64
"""Files of a folder that are open at once."""

MOST_PENDING = 64 * 1024 * 1024
"""Bytes that wait in memory for their row groups, in all files together."""


class OutputRefusedError(Exception):
    """An export may not go there; the message says why, and what to do."""


class Output(Protocol):
    """Where an export goes.

    Attributes:
        bytes: How many were written.
        files: How many files there are.
        noted: How many cells are not as they were.
    """

    bytes: int
    files: int
    noted: int

    def open(self) -> None:
        """Make what is written first, under a name of its own."""

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Write some events."""

    def complete(self) -> None:
        """Write the end, and give all of it its name."""

    def abandon(self) -> None:
        """Remove what was written."""


def temporary_name(path: Path) -> Path:
    """Return a name beside ``path`` for what will have its name when it is complete."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def refuse_to_replace(path: Path, keep: Iterable[Path]) -> None:
    """Look whether what is there may be replaced.

    Args:
        path: What is there.
        keep: Files that are not to be replaced.

    Raises:
        OutputRefusedError: It is no regular file, or one of those to keep.
    """
    if not path.is_file():
        raise OutputRefusedError("is no regular file; name another")
    if any(each.exists() and each.samefile(path) for each in keep):
        raise OutputRefusedError("is the source itself or its configuration; name another")


class FileOutput:
    """One file; compressed where its name ends with ``.gz``."""

    def __init__(self, path: Path, form: Format) -> None:
        self.bytes = 0
        self.files = 1
        self.noted = 0
        self._path = path
        self._form = form
        self._made = temporary_name(path)
        self._part: Part | None = None

    def check(self, *, force: bool, keep: Iterable[Path] = ()) -> None:
        """Look whether it may be written.

        Args:
            force: Replace a file that is there.
            keep: Files that are not to be replaced.

        Raises:
            OutputRefusedError: The file is there and ``force`` is not said, or it is none that an
                export could have made.
        """
        if self._path.is_dir():
            raise OutputRefusedError("is a folder; name a file, or part the events into folders")
        if not self._path.exists():
            return
        refuse_to_replace(self._path, keep)
        if not force:
            raise OutputRefusedError("is there already; say --force to replace it, or name another")

    def open(self) -> None:
        """Make the file, under a name of its own."""
        self._part = Part(self._made, self._form, compress=self._path.suffix == ".gz")

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Write some events."""
        if self._part is not None:
            self._part.write(envelopes)
            self.bytes = self._part.bytes
            self.noted = self._part.noted

    def complete(self) -> None:
        """Write the end, and give the file its name."""
        if self._part is not None:
            self._part.finish()
            self.bytes = self._part.bytes
            self._made.replace(self._path)

    def abandon(self) -> None:
        """Remove the file."""
        if self._part is not None:
            self._part.abandon()
            self._made.unlink(missing_ok=True)


class FolderOutput:
    """A folder with one for each value of each key, and files in the innermost."""

    def __init__(self, path: Path, form: Format, keys: Sequence[str]) -> None:
        self.bytes = 0
        self.files = 0
        self.noted = 0
        self._path = path
        self._form = form
        self._keys = keys
        self._made = temporary_name(path)
        self._open: dict[str, Part] = {}
        self._numbers: dict[str, int] = {}

    def check(self, *, force: bool) -> None:
        """Look whether it may be written.

        Raises:
            OutputRefusedError: It is a file; it is not empty and ``force`` is not said; or there
                are files in it that no export wrote.
        """
        if not self._path.exists():
            return
        if not self._path.is_dir():
            raise OutputRefusedError("is a file; name a folder")
        if not force and any(self._path.iterdir()):
            raise OutputRefusedError(
                "is there already and not empty; say --force to replace it, or name another"
            )
        for file in self._path.rglob("*"):
            inner = file.relative_to(self._path).as_posix()
            if not file.is_dir() and not is_part(inner):
                raise OutputRefusedError(f"holds {inner}, which no export wrote; name another")

    def open(self) -> None:
        """Make the folder, under a name of its own."""
        self._made.mkdir()

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Write some events, each into the file of its folder."""
        for folder, found in parted(envelopes, self._keys).items():
            part = self._part_of(folder)
            before = part.bytes
            part.write(found)
            self.bytes += part.bytes - before
        while sum(part.pending for part in self._open.values()) > MOST_PENDING:
            self._flush(max(self._open.values(), key=lambda part: part.pending))

    def complete(self) -> None:
        """Write the ends, and give the folder its name in the place of what has it."""
        for folder in list(self._open):
            self._finish(folder)
        if not self._path.exists():
            self._made.replace(self._path)
            return
        former = temporary_name(self._path)
        self._path.replace(former)
        self._made.replace(self._path)
        shutil.rmtree(former)

    def abandon(self) -> None:
        """Remove the folder."""
        for part in self._open.values():
            part.abandon()
        shutil.rmtree(self._made, ignore_errors=True)

    def _part_of(self, folder: str) -> Part:
        """Return the open file of a folder; the one that was longest unused makes room."""
        part = self._open.pop(folder, None)
        if part is None:
            if len(self._open) == MOST_OPEN:
                self._finish(next(iter(self._open)))
            number = self._numbers.get(folder, 0)
            self._numbers[folder] = number + 1
            inner = self._made / folder
            inner.mkdir(parents=True, exist_ok=True)
            part = Part(inner / f"part-{number:05}.{self._form}", self._form)
            self.files += 1
        self._open[folder] = part
        return part

    def _flush(self, part: Part) -> None:
        before = part.bytes
        part.flush()
        self.bytes += part.bytes - before

    def _finish(self, folder: str) -> None:
        part = self._open[folder]
        before = part.bytes
        part.finish()
        del self._open[folder]
        self.bytes += part.bytes - before
        self.noted += part.noted
