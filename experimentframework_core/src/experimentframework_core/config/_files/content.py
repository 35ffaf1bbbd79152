"""Reads what a file holds: regular files only, as all others may never end."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NOT_REGULAR = "not a regular file"


def content_of(path: Path, most: int) -> bytes:
    """Return the first ``most`` bytes of a file; of a link, those of the file that it leads to.

    Raises:
        OSError: It cannot be read, or it is a folder, a pipe, a socket or a device.
        ValueError: No file can have that name.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, _NOT_REGULAR)
    with path.open("rb") as file:
        return file.read(most)


def reason(error: OSError | ValueError) -> str:
    """Return why a file cannot be read, without its name."""
    said = error.strerror if isinstance(error, OSError) else None
    return said or str(error)
