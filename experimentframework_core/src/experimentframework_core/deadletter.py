"""Where events go that no destination takes: kept with the reason, to be looked at and requeued."""

from __future__ import annotations

import os
from pathlib import Path

from experimentframework_core._letters.backplane import BackplaneDeadLetters, letter_of
from experimentframework_core._letters.file_store import FileDeadLetterStore
from experimentframework_core._letters.letters import (
    DeadLetter,
    DeadLetterStore,
    LetterFilter,
    ReadableLetters,
    StoredLetter,
)
from experimentframework_core._letters.sqlite_store import SqliteDeadLetterStore
from experimentframework_core.errors import UnavailableError

__all__ = [
    "BackplaneDeadLetters",
    "DeadLetter",
    "DeadLetterStore",
    "FileDeadLetterStore",
    "LetterFilter",
    "ReadableLetters",
    "SqliteDeadLetterStore",
    "StoredLetter",
    "default_path",
    "letter_of",
    "open_letters",
]

state_variable = "EXPERIMENTFRAMEWORK_STATE"
"""The environment variable that names the folder for state, in place of the user's own."""

file_names = {"sqlite": "deadletters.db", "file": "deadletters.ndjson"}
"""The name of the file for each type of store that is one."""

_start_of_sqlite = b"SQLite format 3\0"
_suffixes_of_files = {".ndjson", ".jsonl"}


def default_path(buffer_path: Path | str | None = None, *, type: str = "sqlite") -> Path:  # noqa: A002 - as in the configuration
    """Return where dead letters are kept if nothing is said about it.

    Args:
        buffer_path: The folder of the disk buffer, which then keeps them too. Without one it is
            the folder named by ``EXPERIMENTFRAMEWORK_STATE``, or the user's folder for state.
        type: The store's type: ``sqlite`` or ``file``.
    """
    folder = buffer_path or os.environ.get(state_variable)
    if folder:
        return Path(folder).expanduser() / file_names[type]
    from platformdirs import user_state_path

    return user_state_path("experimentframework", appauthor=False) / file_names[type]


def open_letters(path: Path | str) -> SqliteDeadLetterStore | FileDeadLetterStore:
    """Return the store of dead letters in a file that is there; what it is says the file itself.

    Raises:
        UnavailableError: There is no such file, or it cannot be read.
    """
    place = Path(path).expanduser().absolute()
    try:
        with place.open("rb") as file:
            start = file.read(len(_start_of_sqlite))
    except OSError as error:
        raise UnavailableError(
            f"cannot open the dead letters in {place}: {error.strerror or error}; name a file of"
            " dead letters"
        ) from error
    if start[:1] == b"{" or place.suffix in _suffixes_of_files:
        return FileDeadLetterStore(place)
    return SqliteDeadLetterStore(place, create=False)
