"""The lines of a file of dead letters: appended whole and synced, read back one by one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core._letters.letter_json import Story, letter_in, story_of
from experimentframework_core._letters.letters import StoredLetter
from experimentframework_core._syncing import sync_folder
from experimentframework_core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from experimentframework_core._letters.letters import DeadLetter

VERSION = 1

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a line behind which nothing is looked at: no dead letter is that long."""


class Removed(msgspec.Struct, frozen=True, array_like=True):
    """A letter that counts no longer, and the position up to which that holds."""

    event_id: str
    backplane: str
    through: int


class Line(NamedTuple):
    """What one line says: a letter, letters that were removed, or nothing that can be read."""

    start: int
    end: int
    letter: StoredLetter | None = None
    removed: Sequence[Removed] = ()

    @property
    def damaged(self) -> bool:
        """Whether nothing could be read."""
        return self.letter is None and not self.removed


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    dead_letter: int
    stored_at: datetime | None = None
    removed: tuple[Removed, ...] = ()


_encode = msgspec.json.Encoder().encode
_head = msgspec.json.Decoder(_Head)
_story = msgspec.json.Decoder(Story)


def kept(letter: DeadLetter, now: datetime) -> bytes:
    """Return the line that keeps ``letter``."""
    story = _encode(story_of(letter))
    return b'{"deadLetter":%d,"storedAt":%s,%s\n' % (VERSION, _encode(now), story[1:])


def removal(removed: Sequence[Removed]) -> bytes:
    """Return the line by which ``removed`` count no longer."""
    return b'{"deadLetter":%d,"removed":%s}\n' % (VERSION, _encode(removed))


def append(path: Path, lines: bytes) -> None:
    """Append ``lines``, made whole first where the last one was cut, and sync them to the disk.

    Raises:
        OSError: They are not, or not all, in the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _binary, 0o666)
    try:
        with _alone(descriptor):
            _write(descriptor, lines if _ends_a_line(descriptor) else b"\n" + lines)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)


def read(file: BinaryIO, path: Path, start: int) -> Iterator[Line]:
    """Yield the lines from ``start`` on that are ended.

    Raises:
        UnavailableError: A newer version wrote the file.
    """
    file.seek(start)
    while text := file.readline(LONGEST_LINE):
        end = start + len(text)
        while text and not text.endswith(b"\n"):
            # Too long, or not ended yet: what comes behind is no letter of its own.
            text = file.readline(LONGEST_LINE)
            end += len(text)
        if not text:
            return
        yield _line(text, start, end, path) if end - start <= LONGEST_LINE else Line(start, end)
        start = end


def _line(text: bytes, start: int, end: int, path: Path) -> Line:
    try:
        head = _head.decode(text)
        if head.dead_letter > VERSION:
            raise UnavailableError(
                f"cannot use {path}: this dead-letter file has version {head.dead_letter}, this"
                f" experimentframework knows version {VERSION}; upgrade experimentframework or"
                " choose another path"
            )
        if head.removed or head.stored_at is None:
            return Line(start, end, removed=head.removed)
        letter = letter_in(_story.decode(text))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Line(start, end)
    return Line(start, end, StoredLetter(start + 1, head.stored_at, letter))


_binary = getattr(os, "O_BINARY", 0)


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Hold the lock that keeps other writers from seeing half a line."""
    try:
        import fcntl
    except ImportError:  # no such locks: an append is still one call
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _ends_a_line(descriptor: int) -> bool:
    if os.lseek(descriptor, 0, os.SEEK_END) == 0:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


def _write(descriptor: int, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
