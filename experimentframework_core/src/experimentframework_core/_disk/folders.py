"""Folders that journals can be kept in: their names, their making, and what stands against them."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from experimentframework_core._disk.mounts import mount_table, network_file_system
from experimentframework_core._syncing import sync_folder
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

elsewhere = "set buffer.path to another folder"
"""What helps against every error of a folder."""

_longest_name = 255
_posix = os.name == "posix"

_in_the_way = f"move what is in the way, or {elsewhere}"
_no_right = f"give this user the right to read and write there, or {elsewhere}"
_no_room = f"make room on its file system or quota, or {elsewhere}"
_no_lock = f"its file system cannot lock files, so {elsewhere}"
_no_descriptor = "raise the limit of open files"
_by_number = {
    errno.EACCES: _no_right,
    errno.EPERM: _no_right,
    errno.EROFS: f"mount its file system for writing, or {elsewhere}",
    errno.ENOSPC: _no_room,
    errno.EDQUOT: _no_room,
    errno.EMLINK: f"a folder there holds too many: remove old ones, or {elsewhere}",
    errno.ENOTDIR: _in_the_way,
    errno.EEXIST: _in_the_way,
    errno.EISDIR: _in_the_way,
    errno.ELOOP: _in_the_way,
    errno.ENAMETOOLONG: f"the path is too long, so {elsewhere}",
    errno.ENOLCK: _no_lock,
    errno.ENOSYS: _no_lock,
    errno.ENOTSUP: _no_lock,
    errno.EMFILE: _no_descriptor,
    errno.ENFILE: _no_descriptor,
}
_otherwise = f"check the path and its disk, or {elsewhere}"


def folder_of(path: str | Path, backplane: str) -> Path:
    """Return the folder of a backplane's journals: its quoted name, below ``path``.

    Letters, digits, ``_``, ``-`` and ``~`` stand for themselves, the rest is percent-encoded
    UTF-8, so no name can mean another folder or the dead letters' file. A name too long for a
    file system ends in ``%-`` and its hash.

    Raises:
        JournalError: ``path`` begins with ``~`` and there is no such home.
    """
    name = quote(backplane, safe="", errors="surrogatepass").replace(".", "%2E") or "%"
    if len(name) > _longest_name:
        ending = "%-" + sha256(name.encode()).hexdigest()
        name = name[: _longest_name - len(ending)] + ending
    try:
        return Path(path).expanduser().absolute() / name
    except RuntimeError as error:
        raise JournalError(f"cannot find the folder {path}: {error}; {elsewhere}") from error


def check_folder(path: Path, *, mounts: str | None = None) -> None:
    """Make the folder where it is missing, and see that journals can be kept in it.

    Args:
        path: The folder.
        mounts: What is mounted, as in Linux's mountinfo. None: what the system says; other
            systems than Linux do not say it, so there no network file system is found.

    Raises:
        JournalError: It is on a network file system, is no folder, or cannot be written.
    """
    need_posix()
    path = path.absolute()
    with explained("keep a journal in", path):
        _refuse_network(path, mounts)
        make_folder(path)
        # Only now an automounter has mounted what is there.
        _refuse_network(path, mounts)
        with tempfile.TemporaryFile(dir=path) as file:
            flock(file.fileno(), "LOCK_EX")


def need_posix() -> None:
    """Refuse a system without the locks that journals need."""
    if not _posix:
        raise JournalError(
            "disk buffers need a POSIX system, such as Linux or macOS; set buffer.type to memory"
        )


@contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Raise what the system says as this library's error: what was tried, where, what to do.

    Args:
        doing: Fits into "cannot … <path>".
        path: What it is done to.

    Raises:
        JournalError: In place of every `OSError`, and of a path that no system can have.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        advice = _by_number.get(number or 0, _otherwise)
        raise JournalError(f"cannot {doing} {path}: {error}; {advice}") from error


def make_folder(folder: Path) -> None:
    """Make the folder and its missing parents so that a loss of power does not undo it.

    Where others remove it at the same time, it may be gone again.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir()
        sync_folder(each.parent)
    if _is_blocked(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def _is_blocked(folder: Path) -> bool:
    try:
        return not S_ISDIR(folder.stat().st_mode)
    except FileNotFoundError:
        return folder.is_symlink()


def flock(descriptor: int, how: Literal["LOCK_EX", "LOCK_SH", "LOCK_UN"]) -> bool:
    """Lock or unlock an open file and return True; False where another descriptor has the lock."""
    import fcntl

    try:
        fcntl.flock(descriptor, getattr(fcntl, how) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_network(path: Path, mounts: str | None) -> None:
    kind = network_file_system(path, mount_table() if mounts is None else mounts)
    if kind:
        raise JournalError(
            f"cannot keep a journal in {path}: it is on a network file system ({kind}), where"
            " locks and syncs cannot be relied on; set buffer.path to a folder on a local disk"
        )
