"""Which process owns which journal folder: a lock on a file beside the journal says it.

Each process has sub-folders of its own: ``0001``, ``0002`` and so on. It owns one by an ``flock``
on its ``owner.lock``, taken before anything else in it is opened; the system takes the lock back
when the process ends, however it ends. Looking for a free folder is trying its lock.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from itertools import chain, count
from threading import RLock
from typing import TYPE_CHECKING

from experimentframework_core._disk.folders import (
    check_folder,
    elsewhere,
    explained,
    flock,
    folder_of,
    make_folder,
    need_posix,
)
from experimentframework_core._syncing import sync_folder
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Claim", "check_folder", "claim", "claim_abandoned", "folder_of", "folders"]

LOCK = "owner.lock"
JOURNAL = "journal.db"
JOURNAL_FILES = (f"{JOURNAL}-wal", f"{JOURNAL}-shm", f"{JOURNAL}-journal", JOURNAL)
"""What a journal is made of, in the order of deletion."""

_most_tries = 100
_number = re.compile("(?!0000)[0-9]{4}|[1-9][0-9]{4,}")


class Claim:
    """A journal folder that this process owns until it is released.

    It stays owned when the last reference to it is dropped: the journal in it may still be open.
    After a fork the child's copy is dead: what is called on it does nothing.

    Attributes:
        folder: The sub-folder.
    """

    def __init__(self, folder: Path, descriptor: int) -> None:
        """Hold the open ``descriptor`` of the folder's lock file."""
        self.folder = folder
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let others have the folder; the journal in it must be closed. Does nothing twice."""
        with _opening:
            descriptor = self._taken()
            if descriptor is not None:
                # A child that is just being started may still have a copy of the descriptor:
                # unlocked, the folder is free without waiting for it.
                with suppress(OSError):
                    flock(descriptor, "LOCK_UN")
                os.close(descriptor)

    def remove(self) -> None:
        """Delete the journal, which must be closed and drained, and its folder; then release.

        The folder stays where it holds anything else, such as damaged copies; nothing is touched
        where the lock file is no longer the one that was locked.

        Raises:
            JournalError: Something could not be deleted. The folder is released all the same.
        """
        try:
            with explained("remove the drained journal in", self.folder):
                if self._is_in_place():
                    _remove(self.folder)
        finally:
            self.release()

    def _lock(self) -> bool:
        if self._descriptor is None or not flock(self._descriptor, "LOCK_EX"):
            return False
        # For people only: a full disk must not keep a journal from being drained.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"pid {os.getpid()} on {os.uname().nodename}\n".encode())
        return True

    def _is_in_place(self) -> bool:
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), (self.folder / LOCK).lstat())
        except FileNotFoundError:
            return False

    def _taken(self) -> int | None:
        _held.discard(self)
        descriptor, self._descriptor = self._descriptor, None
        return descriptor


def claim(root: Path) -> Claim:
    """Own a sub-folder of ``root``: the lowest free one, else a new one.

    A free one may hold the journal of a dead process.

    Raises:
        JournalError: None can be had, and why.
    """
    need_posix()
    root = root.absolute()
    with explained("claim a journal folder in", root):
        make_folder(root)
        there = _numbers(root)
        new = (number for number in count(1) if number not in there)
        claimed = _first(root / f"{number:04d}" for number in chain(there, new))
        try:
            # Also where another process made the folder: it may not have come to this yet.
            sync_folder(root)
        except OSError:
            claimed.release()
            raise
        return claimed


def claim_abandoned(root: Path) -> Claim | None:
    """Own the lowest sub-folder of ``root`` that a dead process left a journal in, if any.

    Raises:
        JournalError: There is none that can be had, but one that cannot be looked at.
    """
    need_posix()
    refused: JournalError | None = None
    for folder in folders(root):
        try:
            with explained("claim the journal folder", folder):
                claimed = _adopted(folder)
        except JournalError as error:
            refused = refused or error
            continue
        if claimed:
            return claimed
    if refused:
        raise refused
    return None


def holds_journal(root: Path) -> bool:
    """Return whether there is a journal in a sub-folder of ``root``, drained or not."""
    return any((folder / JOURNAL).exists() for folder in folders(root))


def folders(root: Path) -> list[Path]:
    """Return the sub-folders of ``root``, the lowest first.

    Raises:
        JournalError: ``root`` cannot be read; that it is missing is no error.
    """
    root = root.absolute()
    with explained("look for journals in", root), suppress(FileNotFoundError):
        return [root / f"{number:04d}" for number in _numbers(root)]
    return []


def _first(candidates: Iterable[Path]) -> Claim:
    return next(claimed for folder in candidates if (claimed := _claimed(folder, make=True)))


def _adopted(folder: Path) -> Claim | None:
    journal = folder / JOURNAL
    claimed = _claimed(folder, make=False) if journal.exists() else None
    if claimed and not journal.exists():
        claimed.release()
        return None
    return claimed


def _claimed(folder: Path, *, make: bool) -> Claim | None:
    """Return the folder locked; None if another has it, or it is gone and not to be made."""
    for _ in range(_most_tries):
        if make:
            make_folder(folder)
        try:
            claimed = _open(folder)
        except FileNotFoundError:
            if make:
                continue
            return None
        try:
            if not claimed._lock():  # noqa: SLF001 - the same module
                claimed.release()
                return None
            if claimed._is_in_place():  # noqa: SLF001 - the same module
                return claimed
        except BaseException:
            claimed.release()
            raise
        # Its owner removed it after it was opened here.
        claimed.release()
    raise JournalError(
        f"cannot claim the journal folder {folder}: its {LOCK} is another file each time it is"
        f" looked at; stop what replaces it, or {elsewhere}"
    )


def _open(folder: Path) -> Claim:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    # A fork between the two lines would leave the child a copy that nothing closes.
    with _opening:
        claimed = Claim(folder, os.open(folder / LOCK, flags, 0o666))
        _held.add(claimed)
    return claimed


def _numbers(root: Path) -> list[int]:
    names = (each.name for each in root.iterdir())
    return sorted(int(name) for name in names if _number.fullmatch(name))


def _remove(folder: Path) -> None:
    # The journal goes last: its write-ahead log must never meet another journal.
    for name in JOURNAL_FILES:
        (folder / name).unlink(missing_ok=True)
    if [each.name for each in folder.iterdir()] != [LOCK]:
        return
    (folder / LOCK).unlink()
    # Whoever was faster with a new lock file owns the folder now, and it is not empty.
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise


_opening = RLock()
_held: set[Claim] = set()


def _let_go_in_child() -> None:
    # Closing a copy leaves the parent's lock alone; unlocking it would not.
    for claimed in list(_held):
        descriptor = claimed._taken()  # noqa: SLF001 - the same module
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)
    _opening.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_opening.acquire,
        after_in_parent=_opening.release,
        after_in_child=_let_go_in_child,
    )
