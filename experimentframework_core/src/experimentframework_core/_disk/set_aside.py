"""Files of a journal on the disk: copied aside, synced, replaced as a whole."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from experimentframework_core._syncing import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_partial = ".partial"
_moved = ".moved"


def utc_now() -> datetime:
    """Return the time of the wall clock."""
    return datetime.now(UTC)


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of a file."""
    return path.with_name(f"{path.name}-wal")


def read_log(path: Path) -> bytes:
    """Return the write-ahead log of a file; nothing where there is none."""
    return read(log_of(path))


def read(path: Path) -> bytes:
    """Return what a file holds; nothing where there is none."""
    return path.read_bytes() if path.exists() else b""


def keep(file: Path, kept: Path) -> None:
    """Give a file a second name, under which it stays when the first one is deleted.

    Raises:
        OSError: The disk is full, or fails.
    """
    kept.unlink(missing_ok=True)
    try:
        os.link(file, kept)
    except OSError:  # the file system may have no hard links
        shutil.copyfile(file, kept)
        sync(kept)
    sync(kept.parent)


def rollback_journal_of(path: Path) -> Path:
    """Return where SQLite keeps what it rolls back, as long as there is no write-ahead log."""
    return path.with_name(f"{path.name}-journal")


def has_rollback_journal(path: Path) -> bool:
    """Return whether something of a file may have to be rolled back."""
    journal = rollback_journal_of(path)
    return journal.exists() and journal.stat().st_size > 0


def file_set(path: Path) -> list[Path]:
    """Return the file and its logs, as far as they are there."""
    return [each for each in (path, log_of(path), rollback_journal_of(path)) if each.exists()]


def remove(path: Path) -> None:
    """Delete the file and its logs, the logs first: without them the file is an older one."""
    for each in reversed(file_set(path)):
        each.unlink(missing_ok=True)
    sync(path.parent)


def copy_aside(path: Path, now: Callable[[], datetime] = utc_now) -> Path:
    """Copy a file and its log into a new folder beside it; return the folder, complete or absent.

    Raises:
        OSError: There is no room for a copy, or a file cannot be read.
    """
    folder = _free_folder(path.parent, now())
    partial = folder.with_name(folder.name + _partial)
    partial.mkdir()
    try:
        for file in file_set(path):
            shutil.copyfile(file, partial / file.name)
            sync(partial / file.name)
        sync(partial)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(path.parent)
    return folder


def move_aside(path: Path, now: Callable[[], datetime] = utc_now) -> Path:
    """Move a file and its log into a new folder beside it, and return the folder.

    Until `settle` is called the folder's name says that nothing is in its place yet.
    """
    folder = _free_folder(path.parent, now())
    folder = folder.with_name(folder.name + _moved)
    folder.mkdir()
    _move(path, folder)
    return folder


def find_moved(path: Path) -> Path | None:
    """Return the folder of an interrupted `move_aside`, with all that was to be moved in it."""
    folder = next(iter(sorted(path.parent.glob(f"damaged-*{_moved}"))), None)
    if folder is None or path.exists():
        return None
    _move(path, folder)
    return folder if file_set(folder / path.name) else None


def settle(path: Path) -> None:
    """Give folders of `move_aside` their last names: what they held has a new place."""
    for folder in path.parent.glob(f"damaged-*{_moved}"):
        if any(folder.iterdir()):
            folder.rename(folder.with_name(folder.name.removesuffix(_moved)))
        else:
            folder.rmdir()
    for folder in path.parent.glob(f"damaged-*{_partial}"):
        shutil.rmtree(folder, ignore_errors=True)


def _move(path: Path, folder: Path) -> None:
    for file in file_set(path):
        file.rename(folder / file.name)
    sync(folder)
    sync(path.parent)


def _free_folder(parent: Path, now: datetime) -> Path:
    return next(folder for folder in _folders(parent, now) if not _is_taken(folder))


def _folders(parent: Path, now: datetime) -> Iterator[Path]:
    name = f"damaged-{now:%Y%m%dT%H%M%SZ}"
    yield parent / name
    for number in count(2):
        yield parent / f"{name}-{number}"


def _is_taken(folder: Path) -> bool:
    return any(folder.with_name(folder.name + suffix).exists() for suffix in ("", _partial, _moved))
