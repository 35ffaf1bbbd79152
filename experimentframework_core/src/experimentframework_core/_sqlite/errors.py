"""What SQLite's errors mean to a delivery: a table."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from experimentframework_core.errors import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnavailableError,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_waiting = "another process is using it; if this lasts, look for a program that keeps it locked"
_space = "make room on its file system or quota"
_path = "check that the path is right, and that this user may open the file and its folder"
_missing = "check that the path is right; it is made when something is stored there"
_damaged = "move the file away, or restore it from a copy"
_refused = "this content can never be stored"

_error = 1
_mismatch = 20
_by_code: dict[int, tuple[type[DeliveryError], str]] = {
    _error: (UnavailableError, _damaged),  # ERROR: a table or column is missing
    3: (UnavailableError, _path),  # PERM
    5: (TransientError, _waiting),  # BUSY
    6: (TransientError, _waiting),  # LOCKED
    7: (TransientError, "the process has too little memory"),  # NOMEM
    8: (UnavailableError, "check that the file was not replaced and may be written"),  # READONLY
    9: (TransientError, "it was interrupted because its time was over"),  # INTERRUPT
    10: (TransientError, "check the disk, its free space and its quota"),  # IOERR
    11: (UnavailableError, _damaged),  # CORRUPT
    13: (TransientError, _space),  # FULL
    14: (UnavailableError, _path),  # CANTOPEN
    15: (TransientError, _waiting),  # PROTOCOL: lost a race for a lock
    17: (TransientError, _waiting),  # SCHEMA: changed meanwhile
    18: (PermanentError, _refused),  # TOOBIG
    19: (PermanentError, _refused),  # CONSTRAINT
    _mismatch: (PermanentError, _refused),  # MISMATCH
    23: (UnavailableError, _path),  # AUTH
    26: (UnavailableError, "it is no SQLite database; choose another path"),  # NOTADB
}
_full_disk = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def translate(error: sqlite3.Error, doing: str, path: Path) -> DeliveryError:
    """Return the error of this library that a SQLite error means."""
    code = getattr(error, "sqlite_errorcode", _mismatch)  # none: a value Python cannot hand over
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    kind, advice = _by_code.get(code & 0xFF, _by_code[_error])
    return kind(f"cannot {doing} {path}: {error} ({name}); {advice}")


def translate_os_error(error: OSError, doing: str, path: Path) -> DeliveryError:
    """Return the error of this library that means: the file or its folder is not there."""
    if isinstance(error, FileNotFoundError):
        return UnavailableError(f"cannot {doing} {path}: {error.strerror}; {_missing}")
    kind, advice = (
        (TransientError, _space) if error.errno in _full_disk else (UnavailableError, _path)
    )
    return kind(f"cannot {doing} {path}: {error}; {advice}")
